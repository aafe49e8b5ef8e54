//! The records that TensorFlow's files consist of.
//!
//! A record is the length of its data in 8 bytes, a checksum of these, the data, and a checksum of them, all little
//! end first. A checksum is CRC-32C, turned and shifted, so that data which hold checksums check well too.
//! Source: tensorflow.org/tutorials/load_data/tfrecord.

use crc::{CRC_32_ISCSI, Crc};

/// CRC-32C by its name in the catalogue.
const CRC_32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// What is added to a turned checksum.
const SHIFT: u32 = 0xa282_ead8;

/// Adds a record to a file.
pub(crate) fn append(file: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(checksum(&length).to_le_bytes());
    file.extend(data);
    file.extend(checksum(data).to_le_bytes());
}

fn checksum(bytes: &[u8]) -> u32 {
    CRC_32C.checksum(bytes).rotate_right(15).wrapping_add(SHIFT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_laid_out_as_documented() {
        // CRC-32C of "123456789" is the check value 0xe3069283; turned right by 15 bits it is 0x2507c60d.
        assert_eq!(CRC_32C.checksum(b"123456789"), 0xe306_9283);
        let expected = 0x2507_c60d_u32.wrapping_add(0xa282_ead8);
        assert_eq!(checksum(b"123456789"), expected);
        let mut file = Vec::new();
        append(&mut file, b"123456789");
        assert_eq!(file.len(), 8 + 4 + 9 + 4);
        assert_eq!(file[..8], [9, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&file[12..21], b"123456789");
        assert_eq!(file[21..], expected.to_le_bytes());
    }
}
