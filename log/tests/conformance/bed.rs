//! What a case needs of an implementation.

use async_trait::async_trait;
use clicktrail_log::log::Log;

/// An empty log of one implementation, and the means to restart what stores it.
#[async_trait]
pub(crate) trait Bed: Send + Sync {
    /// A handle on the log: each call gives another one.
    async fn open(&self) -> Box<dyn Log>;

    /// Stops whatever stores the log without notice, and starts it again. Handles opened before are not used again.
    async fn crash(&mut self);
}

/// Runs every case of [`crate::cases`] as a test of the implementation whose bed `$bed` makes. It is run for the click
/// log, and once more for one that later versions added to what earlier ones had set up.
macro_rules! conform {
    ($bed:expr) => {
        $crate::bed::conform!($bed;
            append_counts_from_one,
            frames_come_back_as_they_were_sent,
            resent_frame_is_not_appended_again,
            resent_frame_is_known_after_a_crash,
            same_number_with_other_content_is_another_frame,
            number_that_was_to_be_unused_is_a_conflict,
            frame_is_appended_behind_the_last_one_or_not_at_all,
            writers_on_copies_of_one_directory_lose_nothing,
            read_begins_anywhere,
            read_keeps_its_limits,
            large_frames_come_through,
            empty_log_has_a_tail,
            reader_at_the_tail_wakes_up,
            reader_at_the_tail_hears_of_other_handles,
            reader_at_the_tail_goes_home,
            reader_beyond_the_tail_is_told,
            trimmed_frames_are_said_to_be_trimmed,
            trimmed_log_continues_after_a_crash,
            trim_beyond_the_tail_is_refused,
            new_epoch_goes_on_behind_what_is_known,
            concurrent_writers_keep_their_order,
            crash_loses_nothing,
        );
    };
    ($bed:expr; $($case:ident,)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::cases::$case(&mut $bed).await;
        })*
    };
}
pub(crate) use conform;
