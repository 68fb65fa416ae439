//! A child process that ends when its owner does.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

use super::log::Log;
use super::wait::until;

/// A running child at the head of a process group of its own.
pub struct Process {
    child: Child,
    reader: Option<JoinHandle<()>>,
    pub log: Log,
}

impl Process {
    /// Its standard error is its log.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = start(command.stdout(Stdio::null()).stderr(Stdio::piped()));
        let (log, reader) = Log::follow(child.stderr.take().unwrap());
        Process { child, reader: Some(reader), log }
    }

    /// Its standard output is its log.
    pub fn spawn_heard(command: &mut Command) -> Self {
        let mut child = start(command.stdout(Stdio::piped()).stderr(Stdio::inherit()));
        let (log, reader) = Log::follow(child.stdout.take().unwrap());
        Process { child, reader: Some(reader), log }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Whether it does something of its own at this signal.
    pub fn catches(&self, signal: Signal) -> bool {
        let status = self.told_of("status").unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
        u64::from_str_radix(caught, 16).unwrap() & (1 << (signal.as_raw() - 1)) != 0
    }

    /// User and system time so far.
    pub fn processor_time(&self) -> Duration {
        processor_time(&self.told_of("stat").unwrap())
    }

    /// The same of each thread by its name, for whoever has to find out who was busy.
    pub fn threads(&self) -> Vec<(String, Duration)> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid().as_raw_nonzero())).unwrap();
        let ids = tasks.map(|task| task.unwrap().file_name().into_string().unwrap());
        // One that is gone meanwhile is none.
        let stats = ids.filter_map(|id| {
            Some((self.told_of(&format!("task/{id}/comm"))?, self.told_of(&format!("task/{id}/stat"))?))
        });
        stats.map(|(name, stat)| (name.trim().to_owned(), processor_time(&stat))).collect()
    }

    /// Megabytes in memory.
    pub fn resident(&self) -> f64 {
        self.kilobytes("VmRSS:") as f64 / 1024.0
    }

    /// The most that they ever were.
    pub fn most_resident(&self) -> f64 {
        self.kilobytes("VmHWM:") as f64 / 1024.0
    }

    /// Whether the kernel gives it no huge pages.
    pub fn refuses_huge_pages(&self) -> bool {
        self.told_of("status").unwrap().lines().any(|line| line == "THP_enabled:\t0")
    }

    fn kilobytes(&self, name: &str) -> u64 {
        let status = self.told_of("status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    fn told_of(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.pid().as_raw_nonzero())).ok()
    }

    /// SIGSTOP, and waits until every thread stands still.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        let threads = format!("/proc/{}/task", self.pid().as_raw_nonzero());
        until("threads that stand still", || {
            let mut threads = std::fs::read_dir(&threads).unwrap();
            let is_stopped =
                |stat: String| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'));
            threads
                .all(|thread| {
                    std::fs::read_to_string(thread.unwrap().path().join("stat")).is_ok_and(is_stopped)
                })
                .then_some(())
        });
    }

    /// The exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end, by itself or by a signal sent before, and for the last line of its log.
    pub fn wait(&mut self) -> ExitStatus {
        let status = until("the end of a process", || self.ended());
        if let Some(reader) = self.reader.take() {
            // Its own children may hold the other end of the pipe.
            let _ = kill_process_group(self.pid(), Signal::KILL);
            reader.join().unwrap();
        }
        status
    }

    /// Bytes of memory that it has in use now, and the most that it ever had.
    pub fn memory(&self) -> (u64, u64) {
        (self.kilobytes("VmRSS:") * 1024, self.kilobytes("VmHWM:") * 1024)
    }

    /// How many files it has open, sockets among them.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).unwrap().count()
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.pid().as_raw_nonzero())
    }

    /// Whether nothing of its group is left, once it has ended.
    pub fn left_nothing(&self) -> bool {
        test_kill_process_group(self.pid()).is_err()
    }

    /// kill -9, and what was left of its group too.
    pub fn kill(&mut self) {
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let status = self.wait();
        assert!(status.signal().is_some() || status.code().is_some());
    }
}

/// User and system time of a line of `stat`.
fn processor_time(stat: &str) -> Duration {
    // The name in parentheses may hold anything; what follows the last one is numbers.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_ascii_whitespace().collect();
    let ticks: u64 = [11, 12].into_iter().map(|field| fields[field].parse::<u64>().unwrap()).sum();
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn start(command: &mut Command) -> Child {
    let command = command.stdin(Stdio::null()).process_group(0);
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
    }
}
