// SPDX-License-Identifier: MIT

//! A TCP echo on tokio, one thread, a task for each connection: echo PORT. As tokio's documents advise for many
//! connections, a task waits until there is something to read and has no buffer meanwhile; what can be sent at once is.

use std::cell::RefCell;
use std::io::ErrorKind::WouldBlock;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

const BUFFER: usize = 65536;

thread_local! {
    static SHARED: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER]);
}

/// Reads once and sends back what goes at once; what is left over, or None at the end.
fn turn(stream: &TcpStream) -> Option<Vec<u8>> {
    SHARED.with(|shared| {
        let mut bytes = shared.borrow_mut();
        let count = match stream.try_read(&mut bytes) {
            Ok(0) => return None,
            Ok(count) => count,
            Err(error) => return (error.kind() == WouldBlock).then(Vec::new),
        };
        match stream.try_write(&bytes[..count]) {
            Ok(sent) => Some(bytes[sent..count].to_vec()),
            Err(error) => (error.kind() == WouldBlock).then(|| bytes[..count].to_vec()),
        }
    })
}

async fn serve(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    while stream.readable().await.is_ok() {
        match turn(&stream) {
            Some(rest) if rest.is_empty() => {}
            Some(rest) if stream.write_all(&rest).await.is_ok() => {}
            _ => return,
        }
    }
}

fn main() {
    let port: u16 = std::env::args().nth(1).and_then(|word| word.parse().ok()).expect("usage: echo PORT");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        }
    });
}
