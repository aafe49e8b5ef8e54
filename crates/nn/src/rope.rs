//! Rotary places: queries and keys turned by angles that follow from where they stand.

use burn::tensor::{Int, Tensor};

/// Rotary position embedding of halves, as Llama and Qwen turn them.
///
/// # Equation
///
/// Value i of the first half of a head and value i of the second are a point of the plane; at place p it
/// is turned by `p theta^(-2i / dh)`.
///
/// # Reference
///
/// Su et al. 2021 (RoFormer), whose pairs are neighbours and not halves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rope {
    /// theta.
    pub theta: f64,
    /// dh, even.
    pub head_width: usize,
}

/// The angles of a pass.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// `[B, S, 1, dh / 2]`.
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl Rope {
    /// The angles at `places_bs` `[B, S]`.
    #[must_use]
    pub fn at(&self, places_bs: Tensor<2, Int>) -> Rotation {
        let [batch, sequence] = places_bs.dims();
        let half = self.head_width / 2;
        let speed = |i: usize| self.theta.powf(-2.0 * i as f64 / self.head_width as f64) as f32;
        let speeds: Vec<f32> = (0..half).map(speed).collect();
        let speeds = Tensor::<1>::from_data(speeds.as_slice(), &places_bs.device());
        let angles =
            places_bs.float().reshape([batch, sequence, 1, 1]) * speeds.reshape([1, 1, 1, half]);
        Rotation {
            cos: angles.clone().cos(),
            sin: angles.sin(),
        }
    }
}

impl Rotation {
    /// Turns `x_bshd` `[B, S, H, dh]`.
    #[must_use]
    pub fn turn(&self, x_bshd: Tensor<4>) -> Tensor<4> {
        let half = x_bshd.dims()[3] / 2;
        let first = x_bshd.clone().narrow(3, 0, half);
        let second = x_bshd.narrow(3, half, half);
        let (cos, sin) = (&self.cos, &self.sin);
        let turned = [
            first.clone() * cos.clone() - second.clone() * sin.clone(),
            second * cos.clone() + first * sin.clone(),
        ];
        Tensor::cat(turned.to_vec(), 3)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use testkit::{F32_SUM, assert_close};

    use super::*;

    #[test]
    fn a_quarter_turn_by_hand() {
        let device = Device::flex();
        // dh 4, theta 100: speeds 1 and 1/10. At place 2 the pairs (1, 3) and (2, 4) turn by 2 and 0.2.
        let rope = Rope {
            theta: 100.0,
            head_width: 4,
        };
        let x = Tensor::<4>::from_floats([[[[1.0, 2.0, 3.0, 4.0]]]], &device);
        let turned = rope.at(Tensor::from_ints([[2]], &device)).turn(x.clone());
        let (c, s, d, t) = (2f32.cos(), 2f32.sin(), 0.2f32.cos(), 0.2f32.sin());
        let expected = [[[[
            c - 3.0 * s,
            2.0 * d - 4.0 * t,
            3.0 * c + s,
            4.0 * d + 2.0 * t,
        ]]]];
        assert_close(turned, Tensor::from_floats(expected, &device), F32_SUM);
        let at_zero = rope.at(Tensor::from_ints([[0]], &device)).turn(x.clone());
        assert_close(at_zero, x, F32_SUM);
    }

    #[test]
    fn products_depend_on_the_distance_alone() {
        let device = Device::flex();
        let rope = Rope {
            theta: 10_000.0,
            head_width: 8,
        };
        let query = testkit::normal([8], 1, &device).reshape([1, 1, 1, 8]);
        let key = testkit::normal([8], 2, &device).reshape([1, 1, 1, 8]);
        let product = |p: i32, q: i32| {
            let at = |place| rope.at(Tensor::from_ints([[place]], &device));
            let product = at(p).turn(query.clone()) * at(q).turn(key.clone());
            product.sum().into_scalar::<f32>()
        };
        assert!((product(5, 3) - product(105, 103)).abs() < 1e-4);
        assert!((product(5, 3) - product(5, 4)).abs() > 1e-3);
    }
}
