//! Callbacks by the hundred: several senders, each with connections and entities of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::callback::{Callback, next};
use super::http::{Connection, Response};

/// A callback that was answered.
#[derive(Debug, Clone)]
pub struct Answered {
    pub entity: String,
    pub status: u16,
    pub id: Option<String>,
}

/// Senders that run until they are told to end. A connection that breaks is opened again: what had no answer is not
/// counted, as nothing was promised for it.
pub struct Load {
    end: Arc<AtomicBool>,
    address: Arc<Mutex<SocketAddr>>,
    senders: Vec<JoinHandle<Vec<Answered>>>,
}

/// Entities that each sender takes turns with.
const ENTITIES: usize = 5;

impl Load {
    /// `pause` lies between two callbacks of one sender.
    pub fn start(address: SocketAddr, senders: usize, pause: Duration) -> Self {
        let (end, address) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(address)));
        let senders = (0..senders)
            .map(|_| {
                let (end, address) = (end.clone(), address.clone());
                std::thread::spawn(move || send_until(&end, &address, pause))
            })
            .collect();
        Load { end, address, senders }
    }

    /// Where the relay listens now.
    pub fn redirect(&self, address: SocketAddr) {
        *self.address.lock().unwrap() = address;
    }

    /// Ends, and answers everything that was answered.
    pub fn end(self) -> Vec<Answered> {
        self.end.store(true, Ordering::Relaxed);
        self.senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    }
}

fn send_until(end: &AtomicBool, address: &Mutex<SocketAddr>, pause: Duration) -> Vec<Answered> {
    let entities: Vec<String> = (0..ENTITIES).map(|_| format!("L{:06}", next())).collect();
    let mut answered = Vec::new();
    let mut connection = None;
    for (turn, entity) in entities.iter().cycle().enumerate() {
        if end.load(Ordering::Relaxed) {
            break;
        }
        let status = ["created", "rejected", "registered"][turn % 3];
        let callback = Callback::about("brand", status, entity).param("turn", &turn.to_string());
        match attempt(&mut connection, address, &callback) {
            Some(response) => answered.push(Answered {
                entity: entity.clone(),
                status: response.status,
                id: (response.status == 200).then(|| response.text("id")),
            }),
            None => {
                connection = None;
                // It is being started again, and needs the processor.
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        std::thread::sleep(pause);
    }
    answered
}

fn attempt(
    connection: &mut Option<Connection>,
    address: &Mutex<SocketAddr>,
    callback: &Callback,
) -> Option<Response> {
    if connection.is_none() {
        let address = *address.lock().unwrap();
        *connection = Connection::open(address).ok();
    }
    connection.as_mut()?.send(&callback.request()).ok()
}
