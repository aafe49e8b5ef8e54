//! The instructions of the matrix unit.

use std::{
    arch::{
        asm,
        x86_64::{__cpuid, __cpuid_count},
    },
    marker::PhantomData,
    sync::OnceLock,
};

/// One tile in memory: 16 rows of 16 pairs of bf16.
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy)]
pub(super) struct Tile(pub(super) [u32; 256]);

impl Tile {
    pub(super) const ZERO: Self = Self([0; 256]);
}

/// A block of sums: 32 x 32, row-major.
#[repr(C, align(64))]
pub(super) struct Block(pub(super) [f32; 1024]);

/// Whether the chip has the unit and the vector instructions that feed it, and the system lets this
/// process use it.
pub(in super::super) fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| chip_has_it() && ask_the_system())
}

fn chip_has_it() -> bool {
    const TILE_AND_BF16: u32 = (1 << 24) | (1 << 22);
    __cpuid(0).eax >= 7
        && __cpuid_count(7, 0).edx & TILE_AND_BF16 == TILE_AND_BF16
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512bf16")
}

/// The state of tiles is large, so Linux saves it only for processes that have asked for it.
#[cfg(target_os = "linux")]
fn ask_the_system() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const REQUEST_PERMISSION: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: the system call takes two numbers and touches no memory of the process; it gives an
    // error on systems that do not know it. The clobbered registers are those of every call.
    #[expect(unsafe_code, reason = "a system call that the standard library lacks")]
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") result,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn ask_the_system() -> bool {
    false
}

/// Tiles set up on this thread, until it is dropped; of no use to another thread.
pub(super) struct Unit(PhantomData<*const ()>);

impl Unit {
    /// # Panics
    ///
    /// When the unit is not [`available`].
    pub(super) fn configure() -> Self {
        #[repr(C, align(64))]
        struct Configuration {
            palette: u8,
            start_row: u8,
            reserved: [u8; 14],
            bytes_of_rows: [u16; 16],
            rows: [u8; 16],
        }
        assert!(available(), "the chip's matrix unit is not available");
        let mut configuration = Configuration {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            bytes_of_rows: [0; 16],
            rows: [0; 16],
        };
        configuration.bytes_of_rows[..8].fill(64);
        configuration.rows[..8].fill(16);
        // SAFETY: the unit is there, and the 64 bytes are a valid configuration: palette 1, eight
        // tiles of 16 rows of 64 bytes.
        #[expect(unsafe_code, reason = "an instruction without a stable intrinsic")]
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly));
        }
        Self(PhantomData)
    }

    /// Sums of the products of three terms by three: `block = sum over depth of a * b`, each step
    /// six tiles of `a` and of `b`, `[term][half]`. Both panels are longer by a step, whose tiles
    /// are loaded and not used.
    #[expect(clippy::unused_self, reason = "tiles are set up while it lives")]
    pub(super) fn multiply_sums(&self, a: &[Tile], b: &[Tile], block: &mut Block) {
        // Each product needs at most one new pair of tiles, and a tile is loaded as soon as it was
        // last used. Loads are kept apart by the next step's prefetches: where the unit may draw
        // little power, as when the core's other thread is at work, a burst of loads among its
        // products makes it stall. The tail of a panel prefetches what nobody reads.
        macro_rules! load {
            ($tile:literal, $from:literal) => {
                concat!(
                    "tileloadd ",
                    $tile,
                    ", [",
                    $from,
                    "]
                     .rept 7
                     prefetcht0 [{a} + next]
                     prefetcht0 [{b} + next]
                     .set next, next + 64
                     .endr"
                )
            };
        }
        macro_rules! next_right {
            ($first:literal, $second:literal) => {
                concat!(
                    "tdpbf16ps tmm0, tmm4, tmm6
                     tdpbf16ps tmm2, tmm5, tmm6\n",
                    load!("tmm6", $first),
                    "\ntdpbf16ps tmm1, tmm4, tmm7
                     tdpbf16ps tmm3, tmm5, tmm7\n",
                    load!("tmm7", $second),
                )
            };
        }
        macro_rules! next_left {
            ($first:literal, $second:literal) => {
                concat!(
                    "tdpbf16ps tmm0, tmm4, tmm6
                     tdpbf16ps tmm1, tmm4, tmm7\n",
                    load!("tmm4", $first),
                    "\ntdpbf16ps tmm2, tmm5, tmm6
                     tdpbf16ps tmm3, tmm5, tmm7\n",
                    load!("tmm5", $second),
                )
            };
        }
        let depth = steps(a, b, 6) - 1;
        assert!(depth > 0, "a product of nothing");
        // SAFETY: tiles are configured while `self` lives; every step reads 6144 bytes of `a` and
        // of `b`, the last one as many more, and that is what they hold; the stores fill the block.
        #[expect(unsafe_code, reason = "instructions without stable intrinsics")]
        unsafe {
            asm!(
                "tilezero tmm0
                 tilezero tmm1
                 tilezero tmm2
                 tilezero tmm3",
                ".set next, 6144",
                load!("tmm4", "{a} + {row}*1"),
                load!("tmm6", "{b} + {row}*1 + 4096"),
                load!("tmm7", "{b} + {row}*1 + 5120"),
                load!("tmm5", "{a} + {row}*1 + 1024"),
                "2:
                 .set next, 6144",
                // a0 b2
                next_right!("{b} + {row}*1", "{b} + {row}*1 + 1024"),
                // a0 b0
                next_right!("{b} + {row}*1 + 2048", "{b} + {row}*1 + 3072"),
                // a0 b1
                next_left!("{a} + {row}*1 + 2048", "{a} + {row}*1 + 3072"),
                // a1 b1
                next_right!("{b} + {row}*1", "{b} + {row}*1 + 1024"),
                // a1 b0
                next_left!("{a} + {row}*1 + 4096", "{a} + {row}*1 + 5120"),
                // a2 b0, and on to a0 b2 of the next step
                "tdpbf16ps tmm0, tmm4, tmm6
                 tdpbf16ps tmm1, tmm4, tmm7",
                load!("tmm4", "{a} + {row}*1 + 6144"),
                "tdpbf16ps tmm2, tmm5, tmm6",
                load!("tmm6", "{b} + {row}*1 + 10240"),
                "tdpbf16ps tmm3, tmm5, tmm7",
                load!("tmm5", "{a} + {row}*1 + 7168"),
                load!("tmm7", "{b} + {row}*1 + 11264"),
                "add {a}, 6144
                 add {b}, 6144
                 dec {depth}
                 jnz 2b",
                "tilestored [{block} + {block_row}*1], tmm0
                 tilestored [{block} + {block_row}*1 + 64], tmm1
                 tilestored [{block} + {block_row}*1 + 2048], tmm2
                 tilestored [{block} + {block_row}*1 + 2112], tmm3",
                a = inout(reg) a.as_ptr() => _,
                b = inout(reg) b.as_ptr() => _,
                depth = inout(reg) depth => _,
                row = in(reg) 64usize,
                block_row = in(reg) 128usize,
                block = in(reg) block.0.as_mut_ptr(),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }

    /// Sums of the products of one term by one: each step two tiles of `a` and of `b`.
    #[expect(clippy::unused_self, reason = "tiles are set up while it lives")]
    pub(super) fn multiply_halves(&self, a: &[Tile], b: &[Tile], block: &mut Block) {
        let depth = steps(a, b, 2);
        assert!(depth > 0, "a product of nothing");
        // SAFETY: as above, with 2048 bytes of each a step.
        #[expect(unsafe_code, reason = "instructions without stable intrinsics")]
        unsafe {
            asm!(
                "tilezero tmm0
                 tilezero tmm1
                 tilezero tmm2
                 tilezero tmm3
                 2:
                 tileloadd tmm4, [{a} + {row}*1]
                 .rept 8
                 nop
                 .endr
                 tileloadd tmm6, [{b} + {row}*1]
                 .rept 8
                 nop
                 .endr
                 tdpbf16ps tmm0, tmm4, tmm6
                 tileloadd tmm7, [{b} + {row}*1 + 1024]
                 .rept 8
                 nop
                 .endr
                 tdpbf16ps tmm1, tmm4, tmm7
                 tileloadd tmm5, [{a} + {row}*1 + 1024]
                 .rept 8
                 nop
                 .endr
                 tdpbf16ps tmm2, tmm5, tmm6
                 tdpbf16ps tmm3, tmm5, tmm7
                 add {a}, 2048
                 add {b}, 2048
                 dec {depth}
                 jnz 2b
                 tilestored [{block} + {block_row}*1], tmm0
                 tilestored [{block} + {block_row}*1 + 64], tmm1
                 tilestored [{block} + {block_row}*1 + 2048], tmm2
                 tilestored [{block} + {block_row}*1 + 2112], tmm3",
                a = inout(reg) a.as_ptr() => _,
                b = inout(reg) b.as_ptr() => _,
                depth = inout(reg) depth => _,
                row = in(reg) 64usize,
                block_row = in(reg) 128usize,
                block = in(reg) block.0.as_mut_ptr(),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // SAFETY: the unit is there, or this value would not be.
        #[expect(unsafe_code, reason = "an instruction without a stable intrinsic")]
        unsafe {
            asm!("tilerelease", options(nostack, nomem));
        }
    }
}

/// How many steps two packed panels hold.
fn steps(a: &[Tile], b: &[Tile], tiles: usize) -> usize {
    let depth = a.len() / tiles;
    assert!(
        a.len() == depth * tiles && b.len() == a.len(),
        "panels of a product do not match"
    );
    depth
}
