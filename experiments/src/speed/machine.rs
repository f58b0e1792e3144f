//! What the machine is, how busy it is, and how much memory this process took (Linux; elsewhere unknown).

use std::fs;

/// Name of the processor.
pub fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    field(&text, "model name").unwrap_or("unknown").to_owned()
}

/// Load averages over 1, 5 and 15 minutes.
pub fn load_average() -> Vec<f64> {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).filter_map(|word| word.parse().ok()).collect()
}

/// Memory of the machine, in MB (10^6 bytes).
pub fn memory_mb() -> Option<f64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    kib(&text, "MemTotal")
}

/// Largest resident size this process has had, in MB (10^6 bytes).
pub fn peak_memory_mb() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    kib(&text, "VmHWM")
}

/// A field of KiB, in MB.
fn kib(text: &str, name: &str) -> Option<f64> {
    let kib: f64 = field(text, name)?.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nVmHWM:\t  1234 kB\n";
        assert_eq!(field(text, "model name"), Some("Some CPU @ 2 GHz"));
        assert_eq!(field(text, "VmHWM"), Some("1234 kB"));
        assert_eq!(field(text, "model"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn touching_memory_raises_the_peak() {
        let before = peak_memory_mb().unwrap();
        let block = vec![1u8; 64 << 20];
        assert!(block.iter().map(|&b| u64::from(b)).sum::<u64>() > 0);
        assert!(peak_memory_mb().unwrap() >= before && peak_memory_mb().unwrap() > 64.0);
    }
}
