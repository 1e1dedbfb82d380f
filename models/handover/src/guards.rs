//! The guards of the protocol: each can be taken out, and then the checker must find what it guards against.

/// One rule that the code enforces. Its comment says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guard {
    /// A source with a return path completes when it has its answer (`SourceEnding.sentAll`, `awaitShut`).
    SourceAwaitsAnswer,
    /// A source that stops waiting says so in the decision word before it resumes (`SourceControl.settle`).
    SourceSettles,
    /// The guest is stopped before the last round (`GuestService`, `stop-guest`).
    SourceStopsGuest,
    /// A guest that was stopped is resumed after a failure (`GuestKeeper.giveBack`).
    SourceResumesGuest,
    /// A cancellation asks the decision word (`SourceControl.tryAbort`).
    SourceCancelAsks,
    /// So does the hand-over (`SourceControl.handOver`).
    SourceHandOverAsks,
    /// Only SHUT(1) is a refusal; a connection that ends is none (`SourceControl.takeBack`).
    SourceDoubtsAnEnd,
    /// `commit` comes before the answer (`destination/completion.ts`).
    DestinationCommitsFirst,
    /// Main that was closed gets no answer (`IncomingMain.committed`).
    DestinationLooksFirst,
    /// The guest is the caller's only after the answer (`DestinationEnding.told`).
    DestinationAnswersFirst,
    /// And only when the source has closed main (`IncomingThread.#farewell`).
    DestinationAwaitsFarewell,
    /// Nothing fails a migration behind the answer (`DestinationControl.giveUp`).
    DestinationKeepsItsWord,
    /// Nor cancels it (`DestinationControl.callOff`).
    DestinationCancelAsks,
    /// What a source that does not wait has let go of is not cancelled (`DestinationControl.hasLeft`).
    DestinationKeepsWhatLeft,
    /// A relay answers when its destination has (`RelayMain.finish`).
    RelayAwaitsAnswer,
    /// It refuses only if its destination cannot have the guest (`IncomingThread.#refuse`, `tryAbort`).
    RelayRefusesOnlyIfSure,
    /// It cannot be cancelled behind the hand-over (`RelayRole.tryAbort`).
    RelayCancelAsks,
    /// A destination behind a relay waits for the relay's word about its source (`IncomingMain.hasLetGo`).
    RelayPassesTheFarewell,
}

/// All of them: the array's length and the tests' `match` keep it complete.
pub const GUARDS: [Guard; 18] = [
    Guard::SourceAwaitsAnswer,
    Guard::SourceSettles,
    Guard::SourceStopsGuest,
    Guard::SourceResumesGuest,
    Guard::SourceCancelAsks,
    Guard::SourceHandOverAsks,
    Guard::SourceDoubtsAnEnd,
    Guard::DestinationCommitsFirst,
    Guard::DestinationLooksFirst,
    Guard::DestinationAnswersFirst,
    Guard::DestinationAwaitsFarewell,
    Guard::DestinationKeepsItsWord,
    Guard::DestinationCancelAsks,
    Guard::DestinationKeepsWhatLeft,
    Guard::RelayAwaitsAnswer,
    Guard::RelayRefusesOnlyIfSure,
    Guard::RelayCancelAsks,
    Guard::RelayPassesTheFarewell,
];
