//! The wire format of Protocol Buffers, as far as events need it.
//!
//! A message is its fields one after another: a key, which is the field's number and how its value is laid out, and
//! the value. Source: protobuf.dev/programming-guides/encoding.

/// A message that grows.
#[derive(Debug, Default)]
pub(crate) struct Message(Vec<u8>);

/// How values are laid out.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const WITH_LENGTH: u64 = 2;
const FIXED_32: u64 = 5;

impl Message {
    /// A whole number from 0 up.
    pub(crate) fn whole(mut self, field: u64, value: u64) -> Self {
        self.key(field, VARINT);
        self.varint(value);
        self
    }

    /// A number of 64 bits.
    pub(crate) fn double(mut self, field: u64, value: f64) -> Self {
        self.key(field, FIXED_64);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A number of 32 bits.
    pub(crate) fn float(mut self, field: u64, value: f32) -> Self {
        self.key(field, FIXED_32);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A text.
    pub(crate) fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    /// A message in the message.
    pub(crate) fn message(self, field: u64, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    /// Bytes.
    pub(crate) fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.key(field, WITH_LENGTH);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// What was put together.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn key(&mut self, field: u64, layout: u64) {
        self.varint(field << 3 | layout);
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_as_the_guide_encodes_them() {
        // The guide's own examples: field 1 of 150, and field 2 of "testing".
        let message = Message::default().whole(1, 150).text(2, "testing");
        let expected = b"\x08\x96\x01\x12\x07testing";
        assert_eq!(message.as_bytes(), expected);
        let outer = Message::default().message(3, &Message::default().whole(1, 150));
        assert_eq!(outer.as_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        // 1.0 is 0x3ff0_0000_0000_0000, and 0x3f80_0000 in 32 bits.
        let numbers = Message::default().double(1, 1.0).float(2, 1.0);
        let expected = [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x15, 0, 0, 0x80, 0x3f];
        assert_eq!(numbers.as_bytes(), expected);
    }
}
