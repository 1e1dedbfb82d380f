//! What Node cannot do with files: find their holes and their writers, and swap two names in one step.

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{FromRawFd, RawFd};

use crate::fault::{Fault, Result, errno};

/// Of fcntl(2); the same number everywhere. libc has no name for it.
const F_SETSIG: i32 = 10;

/// Offset of the first data at or after `offset`; none if only a hole follows.
pub fn next_data(descriptor: RawFd, offset: u64) -> Result<Option<u64>> {
    found(seek(descriptor, offset, libc::SEEK_DATA))
}

/// Offset of the first hole at or after `offset`; the end of the file counts as one. None behind the end.
pub fn next_hole(descriptor: RawFd, offset: u64) -> Result<Option<u64>> {
    found(seek(descriptor, offset, libc::SEEK_HOLE))
}

/// Two files swap their names: at no moment is one of the names free.
/// @returns false where the kernel or the file system cannot do that: then nothing has happened.
pub fn exchange_names(a: &CStr, b: &CStr) -> Result<bool> {
    // SAFETY: the call reads two strings that end in a zero. By number, since musl has no function for it.
    let status = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            a.as_ptr(),
            libc::AT_FDCWD,
            b.as_ptr(),
            libc::RENAME_EXCHANGE,
        )
    };
    if status == 0 {
        return Ok(true);
    }
    match errno() {
        // EINVAL: a file system that knows no flags.
        libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP => Ok(false),
        number => {
            let what = format!("cannot exchange {} and {}", a.to_string_lossy(), b.to_string_lossy());
            Err(Fault::io(what, &io::Error::from_raw_os_error(number)))
        }
    }
}

/// Whether anybody has the file open for writing, a shared mapping that can be written to counted: whoever has a descriptor that
/// can only read may ask, by a lease that is given back at once.
/// @returns none where this user, or the file system, has no leases.
pub fn is_open_for_writing(descriptor: RawFd) -> Option<bool> {
    if take_lease(descriptor) {
        give_lease_back(descriptor);
        return Some(false);
    }
    (errno() == libc::EAGAIN).then_some(true)
}

/// Whoever opens the file for writing while we have the lease has to wait, and we get a signal: SIGURG, which does nothing, in place
/// of SIGIO, which would end this process.
fn take_lease(descriptor: RawFd) -> bool {
    // SAFETY: system calls without memory.
    unsafe {
        libc::fcntl(descriptor, F_SETSIG, libc::SIGURG) == 0
            && libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_RDLCK) == 0
    }
}

fn give_lease_back(descriptor: RawFd) {
    // SAFETY: a system call without memory. It cannot fail: the lease is ours.
    unsafe { libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_UNLCK) };
}

/// An open file once more, with a position of its own: looking for holes moves it. Without /proc (a sandbox) the position is
/// shared, which does no harm: nobody reads by it.
pub(crate) fn open_again(descriptor: RawFd, options: &OpenOptions) -> io::Result<File> {
    match options.open(format!("/proc/self/fd/{descriptor}")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => duplicate(descriptor),
        opened => opened,
    }
}

fn duplicate(descriptor: RawFd) -> io::Result<File> {
    // SAFETY: a system call without memory; it refuses what is no descriptor.
    let number = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 0) };
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is new, and nobody else's.
    Ok(unsafe { File::from_raw_fd(number) })
}

/// @returns the offset, or the error's number.
pub(crate) fn seek(descriptor: RawFd, offset: u64, whence: i32) -> std::result::Result<u64, i32> {
    // SAFETY: a system call without memory. It moves the descriptor's position, which nobody reads by.
    let at = unsafe { libc::lseek(descriptor, offset as libc::off_t, whence) };
    u64::try_from(at).map_err(|_| errno())
}

fn found(offset: std::result::Result<u64, i32>) -> Result<Option<u64>> {
    match offset {
        Ok(at) => Ok(Some(at)),
        Err(libc::ENXIO) => Ok(None),
        Err(number) => Err(Fault::io("lseek", &io::Error::from_raw_os_error(number))),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::fs;
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{FileExt, OpenOptionsExt};
    use std::path::Path;

    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("multifd-files-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn data_and_holes_are_found() {
        let folder = folder("holes");
        let path = folder.join("sparse");
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        file.set_len(1 << 20).unwrap();
        file.write_all_at(&[1; 4096], 512 << 10).unwrap();
        let fd = file.as_raw_fd();
        let data = next_data(fd, 0).unwrap().unwrap();
        assert!(data <= 512 << 10);
        let hole = next_hole(fd, data).unwrap().unwrap();
        assert!(((512 << 10) + 4096..=1 << 20).contains(&hole));
        // Behind the end.
        assert_eq!(next_data(fd, 2 << 20).unwrap(), None);
        assert!(next_data(-1, 0).is_err());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_writer_is_found_and_its_mapping_too() {
        let folder = folder("writers");
        let path = folder.join("file");
        fs::write(&path, [1; 4096]).unwrap();
        let reader = File::open(&path).unwrap();
        let fd = reader.as_raw_fd();
        if let Some(before) = is_open_for_writing(fd) {
            assert!(!before);
            let writer = File::options().read(true).write(true).open(&path).unwrap();
            assert_eq!(is_open_for_writing(fd), Some(true));
            // SAFETY: a mapping of a file of our own, which nobody reads.
            let mapping = unsafe {
                let flags = libc::PROT_READ | libc::PROT_WRITE;
                libc::mmap(
                    std::ptr::null_mut(),
                    4096,
                    flags,
                    libc::MAP_SHARED,
                    writer.as_raw_fd(),
                    0,
                )
            };
            assert_ne!(mapping, libc::MAP_FAILED);
            drop(writer);
            assert_eq!(is_open_for_writing(fd), Some(true));
            // SAFETY: the mapping from above.
            unsafe { libc::munmap(mapping, 4096) };
            assert_eq!(is_open_for_writing(fd), Some(false));
        }
        assert_eq!(is_open_for_writing(-1), None);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_writer_that_comes_while_it_is_asked_does_no_harm() {
        let folder = folder("lease");
        let path = folder.join("file");
        fs::write(&path, "text").unwrap();
        let reader = File::open(&path).unwrap();
        if take_lease(reader.as_raw_fd()) {
            // It does not wait, so that it is this thread's; the signal comes before it has failed.
            let opened = File::options().write(true).custom_flags(libc::O_NONBLOCK).open(&path);
            assert_eq!(opened.unwrap_err().kind(), io::ErrorKind::WouldBlock);
            give_lease_back(reader.as_raw_fd());
            File::options().write(true).open(&path).unwrap();
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn two_files_swap_their_names() {
        let folder = folder("names");
        let (a, b) = (folder.join("a"), folder.join("b"));
        fs::write(&a, "a").unwrap();
        fs::write(&b, "b").unwrap();
        let c = |path: &Path| CString::new(path.as_os_str().as_bytes()).unwrap();
        if exchange_names(&c(&a), &c(&b)).unwrap() {
            assert_eq!(fs::read_to_string(&a).unwrap(), "b");
            assert_eq!(fs::read_to_string(&b).unwrap(), "a");
        }
        let fault = exchange_names(&c(&a), &c(&folder.join("none"))).unwrap_err();
        assert!(fault.message.starts_with("cannot exchange "));
        fs::remove_dir_all(folder).unwrap();
    }
}
