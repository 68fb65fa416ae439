//! The servers under measurement: processes of their own, on processors of their own, and what they cost.

use std::ffi::OsStr;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::thread::CpuSet;

/// Which processor runs what.
#[derive(Clone, Debug)]
pub enum Processors {
    /// The measured server has one processor to itself; the load and the brokers share another.
    Split {
        /// The server's.
        measured: usize,
        /// Everything else's.
        around: usize,
    },
    /// Everything runs anywhere: pinning was refused, or there is only one processor.
    Shared,
}

/// The sides of a measurement.
#[derive(Clone, Copy)]
pub enum Side {
    /// The measured server, or the raw client that it is compared with.
    Measured,
    /// Everything else: the load, the brokers.
    Around,
    /// Preparations that nobody times, and what has time to spare.
    Anywhere,
}

impl Processors {
    /// Split where the machine has two processors, unless it was refused.
    pub fn choose(pin: bool) -> Result<Self> {
        let allowed = rustix::thread::sched_getaffinity(None)?;
        let mut numbers = (0..CpuSet::MAX_CPU).filter(|number| allowed.is_set(*number));
        // The first takes most interrupts on many machines, so it is not the measured one.
        Ok(match (numbers.next(), numbers.next()) {
            (Some(around), Some(measured)) if pin => Processors::Split { measured, around },
            _ => Processors::Shared,
        })
    }

    /// Binds the calling thread, and all that it starts from here on.
    pub fn take(&self, side: Side) -> Result<()> {
        let &Processors::Split { measured, around } = self else { return Ok(()) };
        let mut set = CpuSet::new();
        if let Side::Measured | Side::Anywhere = side {
            set.set(measured);
        }
        if let Side::Around | Side::Anywhere = side {
            set.set(around);
        }
        rustix::thread::sched_setaffinity(None, &set).context("binding to a processor")
    }

    /// Does something on a side, on a thread of its own.
    pub fn on<T: Send>(&self, side: Side, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                self.take(side)?;
                work()
            });
            worker.join().unwrap_or_else(|_| bail!("a thread of the benchmark panicked"))
        })
    }

    /// Starts a process on its side. A child inherits the processors of the thread that starts it.
    pub fn spawn(&self, side: Side, command: &mut Command) -> Result<Process> {
        command.stdin(Stdio::null());
        let name = format!("{:?}", command.get_program());
        let child = self.on(side, || command.spawn().with_context(|| format!("starting {name}")))?;
        Ok(Process { child, started: Instant::now() })
    }
}

/// A child process. Dropped, it is killed.
pub struct Process {
    child: Child,
    /// When it was started.
    pub started: Instant,
}

impl Process {
    /// User and system time of the whole process so far, in seconds.
    pub fn cpu(&self) -> Result<f64> {
        cpu_of(&self.child.id().to_string())
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> Result<u64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().context("VmRSS")?;
        Ok(kilobytes * 1024)
    }

    /// The program that it has become.
    pub fn program(&self) -> Result<std::path::PathBuf> {
        std::fs::read_link(format!("/proc/{}/exe", self.child.id())).context("/proc/PID/exe")
    }

    /// An error when it has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("a server ended by itself: {status}"),
            None => Ok(()),
        }
    }

    /// Asks it to end and waits for it.
    pub fn stop(mut self) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("a server did not end within a minute of SIGTERM");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// What it writes to standard output until it ends by itself.
    pub fn output(mut self) -> Result<String> {
        let mut text = String::new();
        self.child.stdout.take().context("its output is not caught")?.read_to_string(&mut text)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "a role of this program failed: {status}");
        Ok(text)
    }

    fn read(&self, file: &str) -> Result<String> {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).context("reading /proc")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; there is nothing to do about an error here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time of a process so far, in seconds. `pid` may be `self`.
pub fn cpu_of(pid: &str) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; what follows the last one is numbers.
    let (_, after) = stat.rsplit_once(')').context("/proc/PID/stat")?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).context("/proc/PID/stat")?;
    Ok((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// This very program again, in another role.
pub fn myself<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("finding this program")?);
    command.args(arguments);
    Ok(command)
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until something listens there.
pub fn wait_for_port(server: SocketAddr, process: &mut Process) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while std::net::TcpStream::connect(server).is_err() {
        process.check()?;
        if Instant::now() > deadline {
            bail!("nothing listens on {server} after a minute");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
