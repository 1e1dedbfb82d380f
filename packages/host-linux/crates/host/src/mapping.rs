//! Guest memory: what it is mapped from, and what must be known of that.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, RawFd};
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;

use crate::area::{Area, HUGE_PAGE, page_size};
use crate::fault::{Code, Fault, Result};
use crate::files;
use crate::guard::{self, Guard};
use crate::huge::Pages;
use crate::presence;
use crate::track::given_back::Listeners;

/// What memory is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backing {
    /// Private memory of this process, in huge pages where `Mapping::ask_huge` asked for them.
    Auto,
    /// Private memory of this process, in pages of the usual size.
    Anon,
    /// Private memory of this process, in huge pages wherever the kernel can.
    Thp,
    /// A file without a name, which another process can open as `/proc/PID/fd/N`.
    Memfd,
    /// A file from byte `offset` on, a multiple of the page size. Not shared: what is written stays in this process.
    File { source: Source, offset: u64, shared: bool },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Path(PathBuf),
    /// An open file of the caller's, who may close it afterwards.
    Descriptor(RawFd),
}

/// A mapping to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// For messages, and in `/proc/PID/maps` for a memfd.
    pub name: String,
    /// Bytes that are used, at least 1.
    pub length: u64,
    pub backing: Backing,
    pub writable: bool,
}

/// The file below a mapping.
#[derive(Debug)]
pub(crate) struct Backed {
    pub file: File,
    pub offset: u64,
    pub shared: bool,
    /// Holes that the file system tells of are true also while others write through mappings.
    pub holes: bool,
    /// It lies in memory.
    pub tmpfs: bool,
    regular: bool,
}

/// Guest memory of this process. Whoever uses it holds an `Arc` of it; it is unmapped when the last one is gone.
#[derive(Debug)]
pub struct Mapping {
    pub(crate) name: String,
    pub(crate) length: u64,
    pub(crate) writable: bool,
    pub(crate) pages: Pages,
    pub(crate) backed: Option<Backed>,
    pub(crate) given_back: Listeners,
    /// For tests: how often the kernel was asked where a run of data ends. It goes through all of the run to say so.
    pub(crate) asked: AtomicU64,
    // In this order: a page must not be replaced once its address may be somebody else's.
    guard: Guard,
    pub(crate) area: Area,
}

impl Mapping {
    pub fn new(plan: Plan) -> Result<Mapping> {
        let refuse = |what: &str| Fault::new(Code::Usage, format!("RAM block {}: {what}", plan.name));
        let length = usize::try_from(plan.length).map_err(|_| refuse("too long for this machine"))?;
        if length == 0 || length > usize::MAX / 4 {
            return Err(refuse("its length must be positive, and fit an address space"));
        }
        let backed = match &plan.backing {
            Backing::Auto | Backing::Anon | Backing::Thp => None,
            Backing::Memfd => Some(create_memfd(&plan.name, plan.length)?),
            Backing::File { source, offset, shared } => Some(open_file(&plan, source, *offset, *shared)?),
        };
        let unit = backed.as_ref().map_or(Ok(page_size()), presence::unit)?;
        let whole = length.next_multiple_of(unit);
        if backed
            .as_ref()
            .is_some_and(|backed| !backed.offset.is_multiple_of(unit as u64))
        {
            return Err(refuse(&format!("its offset in the file is not a multiple of {unit}")));
        }
        let area = map(&plan, backed.as_ref(), whole).map_err(|error| {
            Fault::io(
                format!("RAM block {}: cannot map {} bytes", plan.name, plan.length),
                &error,
            )
            .hint("use a smaller guest, or a machine with more memory or a higher limit (ulimit -v)")
        })?;
        if !guard::install() {
            return Err(Fault::last("cannot install a handler for SIGBUS"));
        }
        let guard = Guard::new(area.address(), whole, unit, plan.writable)
            .ok_or_else(|| Fault::new(Code::Io, "too many pieces of guest memory in this process (4096)"))?;
        Ok(Mapping {
            name: plan.name,
            length: plan.length,
            writable: plan.writable,
            pages: Pages::of(&plan.backing, &area, backed.as_ref().is_some_and(|backed| backed.tmpfs)),
            backed,
            given_back: Listeners::default(),
            asked: AtomicU64::new(0),
            guard,
            area,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes in use.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Address of the first byte.
    pub fn start(&self) -> *mut u8 {
        self.area.start()
    }

    /// The file's number in this process, which stays the mapping's own.
    pub fn descriptor(&self) -> Option<RawFd> {
        self.backed.as_ref().map(|backed| backed.file.as_raw_fd())
    }

    /// Whether what is written stays in this process's memory.
    pub fn is_private(&self) -> bool {
        self.backed.as_ref().is_none_or(|backed| !backed.shared)
    }

    /// @throws `io` if the memory that was read and written was not always the block's.
    pub fn intact(&self) -> Result<()> {
        self.check_size();
        if !self.guard.broken() {
            return Ok(());
        }
        Err(Fault::new(
            Code::Io,
            format!(
                "RAM block {}: a page of it could not be had (its file became shorter, or its disk or tmpfs is full) \
                 and reads as zero: the guest's memory is not whole",
                self.name
            ),
        )
        .hint("nobody else may cut the file; make room where it lies (df), then begin again"))
    }

    /// A file that became shorter is known also if nobody has touched what is gone.
    pub(crate) fn check_size(&self) {
        let Some(backed) = self.backed.as_ref().filter(|backed| backed.regular) else {
            return;
        };
        // The last page may be cut: the file was as long as the block when it was mapped.
        if backed
            .file
            .metadata()
            .is_ok_and(|now| now.len() < backed.offset + self.length)
        {
            self.guard.raise();
        }
    }

    /// Checks that [offset, offset + length) lies within it.
    pub(crate) fn check_range(&self, offset: u64, length: u64) -> Result<()> {
        if offset <= self.length && length <= self.length - offset {
            return Ok(());
        }
        let message = format!("RAM block {}: no {length} bytes at {offset}", self.name);
        Err(Fault::new(Code::Internal, message))
    }

    /// Addresses of all pages.
    pub(crate) fn range(&self) -> std::ops::Range<u64> {
        let start = self.area.address() as u64;
        start..start + self.area.len() as u64
    }
}

fn map(plan: &Plan, backed: Option<&Backed>, length: usize) -> io::Result<Area> {
    let Some(backed) = backed else {
        let advice = if plan.backing == Backing::Thp {
            libc::MADV_HUGEPAGE
        } else {
            libc::MADV_NOHUGEPAGE
        };
        let area = Area::map_aligned(length, HUGE_PAGE)?;
        ignore_missing(area.advise(advice))?;
        if !plan.writable {
            return Err(io::Error::other("memory of its own must be writable"));
        }
        return Ok(area);
    };
    let flags = if backed.shared {
        libc::MAP_SHARED
    } else {
        libc::MAP_PRIVATE
    };
    let area = Area::map(length, plan.writable, flags, Some((backed.file.as_fd(), backed.offset)))?;
    if plan.backing == Backing::Memfd {
        ignore_missing(area.advise(libc::MADV_NOHUGEPAGE))?;
    }
    Ok(area)
}

/// A kernel without huge pages does not know advice about them, and needs none.
fn ignore_missing(advised: io::Result<()>) -> io::Result<()> {
    match advised {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        other => other,
    }
}

fn create_memfd(name: &str, length: u64) -> Result<Backed> {
    let context = |what: &str| format!("RAM block {name}: {what}");
    let label = CString::new(name.bytes().filter(|&byte| byte != 0).take(200).collect::<Vec<_>>())
        .map_err(|_| Fault::new(Code::Usage, context("a name with a NUL")))?;
    // SAFETY: the label is a C string that lives through the call.
    let descriptor = unsafe { libc::memfd_create(label.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
    if descriptor < 0 {
        return Err(Fault::last(context("cannot create a memfd")));
    }
    // SAFETY: the kernel has just given it to us, and nobody else knows it.
    let file = unsafe { File::from_raw_fd(descriptor) };
    file.set_len(length.next_multiple_of(page_size() as u64))
        .map_err(|error| Fault::io(context("cannot size a memfd"), &error))?;
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: a command on a descriptor of ours, without memory.
    if unsafe { libc::fcntl(descriptor, libc::F_ADD_SEALS, seals) } != 0 {
        return Err(Fault::last(context("cannot seal a memfd")));
    }
    Ok(Backed {
        file,
        offset: 0,
        shared: true,
        holes: true,
        tmpfs: true,
        regular: true,
    })
}

fn open_file(plan: &Plan, source: &Source, offset: u64, shared: bool) -> Result<Backed> {
    let label = match source {
        Source::Path(path) => path.display().to_string(),
        Source::Descriptor(number) => format!("descriptor {number}"),
    };
    let context = |what: &str| format!("RAM block {}: {label} {what}", plan.name);
    let mut options = OpenOptions::new();
    options.read(true).write(plan.writable && shared);
    let file = match source {
        Source::Path(path) => options.open(path),
        Source::Descriptor(number) => files::open_again(*number, &options),
    }
    .map_err(|error| Fault::io(context("cannot be opened"), &error))?;
    let now = file
        .metadata()
        .map_err(|error| Fault::io(context("cannot be looked at"), &error))?;
    let regular = now.file_type().is_file();
    if !regular && !now.file_type().is_block_device() {
        return Err(Fault::new(Code::Usage, context("is neither a file nor a block device")));
    }
    let end = offset
        .checked_add(plan.length)
        .ok_or_else(|| Fault::new(Code::Usage, context("cannot be that long")))?;
    if regular && now.len() < end {
        let message = format!("has {} bytes, {end} are to be mapped", now.len());
        return Err(Fault::new(Code::Io, context(&message)).hint("make it long enough first (truncate -s)"));
    }
    let holes = regular && presence::tells_holes(&file);
    let tmpfs = regular && presence::is_tmpfs(&file);
    Ok(Backed {
        file,
        offset,
        shared,
        holes,
        tmpfs,
        regular,
    })
}
