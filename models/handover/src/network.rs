//! Main's connection between two neighbours. Channels are left out: a migration whose channels fail is one whose ends
//! fail (`Trouble`), and syncs see to it that nothing of a channel is missing when main has ended.

use std::fmt;

/// What main carries, as far as the hand-over is concerned (`docs/wire.md`, 2 and 14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Header, configuration, OPEN_RETURN_PATH if there is one, START of RAM: everything before the first page.
    Open = 1,
    /// The answer before the first page.
    Pong,
    /// The last round: END of RAM, and its sync.
    Ram,
    /// The device state, and the description behind it: the stream's end.
    State,
    /// SHUT(0).
    Success,
    /// SHUT(1).
    Refusal,
    /// A relay's last word: its source has closed main.
    LetGo,
    /// A relay's last word: its source keeps main.
    Keeps,
    /// This direction was closed.
    End,
    /// The connection broke.
    Reset,
}

const MESSAGES: [Message; 10] = {
    use Message::*;
    [Open, Pong, Ram, State, Success, Refusal, LetGo, Keeps, End, Reset]
};

/// What is on its way in one direction, in order: four bits each, the next one lowest.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Queue(u64);

impl Queue {
    pub fn head(self) -> Option<Message> {
        match (self.0 & 15) as usize {
            0 => None,
            number => Some(MESSAGES[number - 1]),
        }
    }

    fn push(&mut self, message: Message) {
        let used = (64 - self.0.leading_zeros()).div_ceil(4);
        assert!(used < 16, "a queue of more than 16 messages: {self:?}");
        self.0 |= (message as u64) << (4 * used);
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = *self;
        let mut list = f.debug_list();
        while let Some(message) = rest.head() {
            list.entry(&message);
            rest.0 >>= 4;
        }
        list.finish()
    }
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Way {
    queue: Queue,
    /// From now on nothing passes, and neither end notices.
    cut: bool,
    /// The reader has gone, or the writer has said its last.
    over: bool,
}

impl Way {
    pub fn head(&self) -> Option<Message> {
        self.queue.head()
    }

    pub fn is(&self, message: Message) -> bool {
        self.head() == Some(message)
    }

    /// Whether the next thing to be read is the end, one way or the other.
    pub fn has_ended(&self) -> bool {
        self.is(Message::End) || self.is(Message::Reset)
    }

    pub fn take(&mut self) {
        self.queue.0 >>= 4;
    }

    /// Says something, unless this direction is over. What is said into a cut is lost.
    pub fn say(&mut self, message: Message) {
        if self.over {
            return;
        }
        if !self.cut {
            self.queue.push(message);
        }
        self.over = matches!(message, Message::End | Message::Reset);
    }
}

/// A connection: main's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Link {
    /// Towards the destination.
    pub down: Way,
    /// Towards the source: the return path.
    pub up: Way,
    is_up: bool,
}

/// What a network does to a connection. That it delays needs no step: everything can come late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The connection breaks, and what is on its way is lost. Both ends notice.
    Break,
    /// Nothing passes towards the destination any more, and nobody notices.
    CutDown,
    /// The same towards the source.
    CutUp,
}

impl Link {
    /// The connection is there.
    pub fn open(&mut self) {
        self.is_up = true;
    }

    pub fn can(&self, fault: Fault) -> bool {
        self.is_up
            && match fault {
                Fault::Break => !(self.down.over && self.up.over),
                Fault::CutDown => !self.down.cut,
                Fault::CutUp => !self.up.cut,
            }
    }

    pub fn suffer(&mut self, fault: Fault) {
        let ways: [Option<&mut Way>; 2] = match fault {
            Fault::Break => {
                for way in [&mut self.down, &mut self.up] {
                    way.queue = Queue::default();
                    way.over = false;
                    way.say(Message::Reset);
                }
                return;
            }
            Fault::CutDown => [Some(&mut self.down), None],
            Fault::CutUp => [None, Some(&mut self.up)],
        };
        for way in ways.into_iter().flatten() {
            way.queue = Queue::default();
            way.cut = true;
        }
    }
}
