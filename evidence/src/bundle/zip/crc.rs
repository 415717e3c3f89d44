//! CRC-32 as zip has it, eight bytes a step. It finds damage and no intent; that is for hashes.

const POLYNOMIAL: u32 = 0xedb8_8320;

/// `TABLES[k][b]`: what byte `b` does to the sum, `k` bytes further on.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte: u32 = 0;
    while byte < 256 {
        let mut sum = byte;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        tables[0][byte as usize] = sum;
        byte += 1;
    }
    let mut further = 1;
    while further < 8 {
        let mut byte = 0;
        while byte < 256 {
            let sum = tables[further - 1][byte];
            tables[further][byte] = (sum >> 8) ^ tables[0][(sum & 0xff) as usize];
            byte += 1;
        }
        further += 1;
    }
    tables
}

/// A checksum in the making.
#[derive(Debug, Clone, Copy)]
pub struct Crc(u32);

impl Default for Crc {
    fn default() -> Self {
        Self(!0)
    }
}

impl Crc {
    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let look = |further: usize, byte: u32| TABLES[further][(byte & 0xff) as usize];
        let (steps, rest) = bytes.as_chunks::<8>();
        for step in steps {
            let [a, b, c, d, e, f, g, h] = *step;
            let low = self.0 ^ u32::from_le_bytes([a, b, c, d]);
            let high = u32::from_le_bytes([e, f, g, h]);
            self.0 = look(7, low)
                ^ look(6, low >> 8)
                ^ look(5, low >> 16)
                ^ look(4, low >> 24)
                ^ look(3, high)
                ^ look(2, high >> 8)
                ^ look(1, high >> 16)
                ^ look(0, high >> 24);
        }
        for byte in rest {
            self.0 = (self.0 >> 8) ^ look(0, self.0 ^ u32::from(*byte));
        }
    }

    /// The checksum of all bytes.
    pub fn finish(self) -> u32 {
        !self.0
    }

    /// Of some bytes.
    pub fn of(bytes: &[u8]) -> u32 {
        let mut crc = Self::default();
        crc.update(bytes);
        crc.finish()
    }
}
