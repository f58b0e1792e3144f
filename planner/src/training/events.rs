//! TensorBoard event files.
//!
//! A record is `length (u64 le), masked crc32c of the length, payload, masked crc32c of the payload`; the
//! payload is a protocol buffer `Event { 1: wall_time double, 2: step int64, 3: file_version string,
//! 5: Summary { 1: Value { 1: tag string, 2: simple_value float } }, 7: SessionLog { 1: status } }`. Facts from TensorFlow's
//! `record_writer` and `event.proto`. Written here because the crates that do it bring an image stack and
//! protocol-buffer code generation for these forty lines.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::PlannerError;

/// Writes scalars that TensorBoard reads.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
}

impl EventWriter {
    /// Starts a new event file in `folder`. `now` is in seconds since the epoch and makes the name unique
    /// (TensorBoard reads all event files of a folder as one run). `from` is the first step that will be written:
    /// what earlier files say of it and of later ones is forgotten by TensorBoard.
    ///
    /// # Errors
    /// [`PlannerError::Io`].
    pub fn create(folder: &Path, now: f64, from: u64) -> Result<Self, PlannerError> {
        let path = folder.join(format!("events.out.tfevents.{:.6}.forethought", now));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(|source| PlannerError::Io { path: path.clone(), source })?;
        let mut writer = Self { path, file };
        let mut event = Vec::new();
        double(&mut event, 1, now);
        bytes(&mut event, 3, b"brain.Event:2");
        writer.record(&event)?;
        let mut event = Vec::new();
        double(&mut event, 1, now);
        event.push(2 << 3);
        varint(&mut event, from);
        // SessionLog { 1: status START }.
        bytes(&mut event, 7, &[1 << 3, 1]);
        writer.record(&event)?;
        Ok(writer)
    }

    /// Writes scalars of one step.
    ///
    /// # Errors
    /// [`PlannerError::Io`].
    pub fn scalars(&mut self, now: f64, step: u64, values: &[(&str, f64)]) -> Result<(), PlannerError> {
        let mut summary = Vec::new();
        for (tag, value) in values {
            let mut entry = Vec::new();
            bytes(&mut entry, 1, tag.as_bytes());
            // Field 2, wire type 5 (32 bits).
            entry.push(2 << 3 | 5);
            entry.extend((*value as f32).to_le_bytes());
            bytes(&mut summary, 1, &entry);
        }
        let mut event = Vec::new();
        double(&mut event, 1, now);
        event.push(2 << 3);
        varint(&mut event, step);
        bytes(&mut event, 5, &summary);
        self.record(&event)
    }

    fn record(&mut self, payload: &[u8]) -> Result<(), PlannerError> {
        let length = (payload.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked_crc(&length).to_le_bytes());
        record.extend(payload);
        record.extend(masked_crc(payload).to_le_bytes());
        self.file.write_all(&record).map_err(|source| PlannerError::Io { path: self.path.clone(), source })
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn double(out: &mut Vec<u8>, field: u8, value: f64) {
    out.push(field << 3 | 1);
    out.extend(value.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend(value);
}

/// CRC-32C (Castagnoli), bit by bit: records are tens of bytes.
fn crc32c(data: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
    !data.iter().fold(!0u32, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

fn masked_crc(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_has_the_published_check_value() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn records_have_consistent_lengths_and_checksums() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(folder.path(), 12.5, 300).unwrap();
        writer.scalars(13.0, 300, &[("loss", 0.25), ("rate", 1e-3)]).unwrap();
        let file = std::fs::read(&writer.path).unwrap();
        let (mut at, mut payloads) = (0, Vec::new());
        while at < file.len() {
            let word = |i: usize| u32::from_le_bytes(file[i..i + 4].try_into().unwrap());
            let length = u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
            assert_eq!(word(at + 8), masked_crc(&file[at..at + 8]));
            let payload = &file[at + 12..at + 12 + length];
            assert_eq!(word(at + 12 + length), masked_crc(payload));
            payloads.push(payload);
            at += 16 + length;
        }
        assert_eq!(payloads.len(), 3);
        assert!(
            payloads[2].windows(4).any(|w| w == b"loss")
                && payloads[2].windows(4).any(|w| w == 0.25f32.to_le_bytes())
        );
        // Step 300 is the varint ac 02 behind the tag of field 2. The session starts there, and so do the values.
        let at_300 = |payload: &[u8]| payload.windows(3).any(|w| w == [0x10, 0xac, 0x02]);
        assert!(at_300(payloads[1]) && at_300(payloads[2]));
        assert!(payloads[1].ends_with(&[7 << 3 | 2, 2, 8, 1]));
    }
}
