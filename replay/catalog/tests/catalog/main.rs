//! The catalog's suite: every claim is a plain function of a [`place::Place`], and holds on SQLite and on PostgreSQL.

#![allow(clippy::disallowed_methods, reason = "tests wait, measure and start what they need")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod audit;
mod corrections;
mod counting;
mod damage;
mod invoicing_damage;
mod invoicing_drafts;
mod invoicing_issue;
mod invoicing_restore;
mod invoicing_samples;
mod invoicing_terms;
mod lifecycle;
mod place;
mod promotions;
mod rebuild;
mod registry;
mod replay_damage;
mod reused;
mod samples;
mod sealing;
mod units;
mod verdicts;

macro_rules! on_both {
    ($($module:ident { $($claim:ident)+ })+) => {
        mod sqlite {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $claim() {
                    crate::place::on_sqlite(crate::$module::$claim).await;
                })+
            })+
        }

        mod postgres {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $claim() {
                    crate::place::on_postgres(crate::$module::$claim).await;
                })+
            })+
        }
    };
}

on_both! {
    registry {
        put_ads_counts_what_is_new_or_differs
        version_grows_only_with_a_change
        ads_are_listed_in_pages_by_the_bytes_of_their_ids
        of_two_ads_with_one_id_the_last_stands
        one_bad_ad_keeps_the_others_out
        every_put_leaves_one_audit_row
        every_change_of_an_ad_is_kept_with_before_and_after
        pauses_have_a_beginning_and_an_end
        pausing_an_ad_that_is_not_registered_changes_nothing
        pause_outlives_a_change_and_a_clock_that_goes_back
        writers_of_the_same_ads_do_not_deadlock
    }
    audit {
        what_was_done_is_read_in_pages_by_time_actor_and_action
        trail_and_changes_of_ads_take_rows_and_lose_none
        trail_of_an_earlier_version_reads_as_done_without_a_reason
    }
    corrections {
        items_are_added_once_and_all_or_none
        correction_goes_through_its_states_and_takes_nothing_more
    }
    counting {
        counting_begins_at_the_first_frame
        partial_that_does_not_follow_is_refused
        partial_stored_twice_counts_once
        of_two_projectors_one_wins_each_offset
        projectors_that_race_leave_no_hole_and_no_overlap
        merging_replaces_partials_by_one
        merge_of_something_else_is_refused
    }
    sealing {
        sealing_replaces_partials_by_the_segment
        comparison_sees_exactly_the_partials_of_the_hour
        partial_beyond_the_hour_is_counted_again
        sealing_without_partials_moves_counting_on
        hour_out_of_order_is_refused
        other_manifest_or_segment_is_refused
        sealing_again_changes_nothing
        quiet_hour_drops_no_partial
        hours_without_a_frame_can_be_reopened_and_no_others
        of_two_archivers_the_second_gets_the_stored_comparison
        difference_is_stored
        hours_and_reconciliations_are_listed_in_pages
        snapshot_keeps_to_its_range_and_projection
        snapshot_never_sees_half_a_sealing
    }
    verdicts {
        judging_moves_only_from_where_it_stands
        later_ruling_makes_a_sealed_hour_stale
        later_ruling_on_an_open_hour_waits_for_its_seal
        hour_and_live_segment_are_found
    }
    rebuild {
        rebuild_keeps_registry_and_audit_and_begins_a_generation
        who_began_before_a_rebuild_writes_nothing_after_it
        rebuild_is_seen_whole_or_not_at_all
        rebuild_that_would_lose_what_was_sealed_or_counted_is_refused
        rebuild_that_fails_leaves_everything_as_it_was
        hours_that_are_the_same_keep_what_their_comparison_found
        counts_that_follow_stay_where_the_log_could_not_be_read
        judge_does_not_go_back_and_the_verdict_log_is_followed_again
        lost_rows_are_named_and_counted_nowhere
    }
    units {
        generation_comes_back_as_it_was_stored
        generations_are_listed_the_newest_first
        generation_without_units_is_built
        largest_unit_is_taken_first
        units_are_taken_and_finished_without_reading_the_plan
        two_workers_never_hold_a_unit_at_once
        lease_that_ended_fences_its_worker_out
        late_worker_is_welcome_with_the_same_bytes_and_refused_with_others
        same_input_and_code_give_the_same_bytes_in_every_generation
        unit_fails_after_its_attempts_and_the_generation_with_it
        late_worker_mends_a_generation_that_failed
        units_are_released_by_what_they_are
        aborted_generation_takes_nothing_more
        forgotten_generation_is_gone
        control_totals_are_exact
        output_that_is_not_the_units_panics
    }
    reused {
        hours_that_another_generation_made_are_noted_with_its_totals
        hours_that_were_read_are_noted_unless_somebody_has_to_look
        hour_that_somebody_has_to_look_at_is_not_noted
        hour_is_noted_of_the_same_code_and_of_verdicts_that_are_known
        more_hours_than_one_transaction_may_hold_are_refused
        open_units_are_those_that_wait_or_are_leased
        worker_that_finds_no_unit_waits_for_nobody_who_writes
    }
    promotions {
        promotion_moves_every_pointer_and_is_accounted_for
        equal_bytes_of_other_input_are_another_segment
        pointer_that_stands_there_already_is_not_moved
        live_that_moved_since_is_named_and_nothing_moves
        generation_that_is_not_built_is_not_promoted
        of_two_promotions_of_the_same_hours_one_wins
        rollback_and_forward_again
        rollback_is_refused_once_an_hour_was_promoted_again
        hour_that_counted_from_nothing_counts_from_nothing_again
        what_counted_once_is_never_forgotten
        promoted_hour_is_stale_for_what_it_does_not_know
        reader_sees_whole_generations_alone
        hour_with_another_manifest_is_not_promoted
        rebuild_keeps_what_was_promoted
        rebuild_brings_back_pointers_that_were_lost
        sealing_again_leaves_what_was_promoted
        promoting_a_month_takes_less_than_a_second
    }
    replay_damage {
        damaged_promotion_is_done_again_from_its_record
        damaged_promotion_without_a_record_is_named_and_stays
        damaged_build_is_made_again
    }
    damage {
        changed_hour_is_refused
        changed_segment_is_refused
        changed_comparison_is_refused
        changed_counts_are_refused
        changed_end_of_counting_is_refused
        changed_pointer_is_refused
        changed_mark_is_refused
        lost_marks_are_refused
        lost_making_is_refused
        lost_later_rulings_are_refused
        changed_later_ruling_is_refused
        last_frames_are_known_by_digest
        rows_of_earlier_versions_are_read_and_not_compared
        registry_that_contradicts_itself_is_named_and_not_made_up
    }
    invoicing_terms {
        terms_get_a_version_only_if_they_say_something_else
        terms_apply_by_the_latest_validity_then_the_last_version
        seller_has_versions_and_is_no_account
        terms_that_are_too_large_or_malformed_are_refused_whole
        period_is_frozen_by_whoever_names_it_first
        period_is_closed_once
    }
    invoicing_drafts {
        draft_comes_back_as_it_was_stored
        same_inputs_are_the_same_revision
        void_draft_stays_void_until_its_inputs_change
        approval_is_of_the_newest_revision
        outdated_draft_is_neither_approved_nor_issued_and_comes_back_when_put_again
        open_dispute_keeps_an_invoice_from_being_approved
        drafts_are_listed_in_pages_by_what_they_are
        what_was_issued_is_drafted_again_by_notes_alone
        malformed_drafts_are_refused_whole
        ten_thousand_drafts_take_seconds
    }
    invoicing_issue {
        document_has_what_its_draft_had
        number_is_the_next_of_its_series_or_nothing_is_issued
        draft_is_issued_once_and_the_same_again_changes_nothing
        draft_that_nobody_approved_or_that_is_not_the_newest_is_not_issued
        malformed_documents_are_refused_whole
        documents_are_listed_in_pages_by_what_they_are
        log_entry_is_kept_once
        numbers_have_no_gap_whoever_vanishes
        dispute_is_opened_and_closed_once
    }
    invoicing_damage {
        what_was_issued_cannot_be_changed_in_sql
        number_with_a_gap_cannot_be_inserted_in_sql
        changed_row_is_refused_by_its_name
        lost_documents_are_named_and_not_made_up
        rebuild_keeps_all_of_invoicing
        bases_in_use_are_those_that_may_count
        documents_are_restored_from_records
    }
    invoicing_restore {
        documents_come_back_in_any_order_with_their_drafts
        document_that_the_log_alone_knew_is_the_same_as_its_record
        terms_come_back_as_they_were_stored
        the_log_was_followed_as_far_as_the_last_entry_that_is_known
    }
    lifecycle {
        what_was_stored_is_there_after_reopening
        two_programs_may_create_the_catalog_at_once
        changed_migration_is_refused
        newer_migration_is_refused
        catalog_without_changes_of_ads_is_brought_up_to_date
        catalog_without_generations_keeps_what_counts
        catalog_without_invoices_is_brought_up_to_date
        row_that_is_not_ours_is_named
        failed_comparison_leaves_the_catalog_usable
        locked_database_is_unavailable
    }
}
