/* SPDX-License-Identifier: MIT */
/*
 * list.h - the names of all scenarios, and their prototypes. SCENARIOS(X) applies X to each.
 */
#ifndef LIST_H
#define LIST_H

#define SCENARIOS(X)                                                                                                   \
    X(contract_01_state_is_touched_by_one_thread)                                                                      \
    X(contract_02_order_holds_from_one_sender_to_one_receiver)                                                         \
    X(contract_02_order_holds_when_the_receiver_is_full)                                                               \
    X(contract_02_order_promises_nothing_across_three_actors)                                                          \
    X(contract_03_every_dead_letter_has_its_reason_here)                                                               \
    X(contract_03_every_dead_letter_has_its_reason_across)                                                             \
    X(contract_03_counters_add_up_at_rest_while_it_runs)                                                               \
    X(contract_04_mailbox_is_bounded_by_count)                                                                         \
    X(contract_04_mailbox_is_bounded_by_bytes)                                                                         \
    X(contract_04_one_message_enters_an_empty_mailbox)                                                                 \
    X(contract_04_default_is_4096_messages)                                                                            \
    X(contract_04_default_is_a_mebibyte)                                                                               \
    X(contract_04_room_is_told_when_the_receiver_ends)                                                                 \
    X(contract_04_what_is_refused_under_way_is_told)                                                                   \
    X(contract_04_memory_is_flat_at_ten_thousand_senders)                                                              \
    X(contract_05_outcome_is_the_reply)                                                                                \
    X(contract_05_outcome_is_the_reply_of_a_deferred_request)                                                          \
    X(contract_05_second_reply_is_refused_to_its_sender)                                                               \
    X(contract_05_outcome_is_a_refusal)                                                                                \
    X(contract_05_outcome_is_the_receivers_own_code)                                                                   \
    X(contract_05_outcome_is_no_reply)                                                                                 \
    X(contract_05_outcome_is_no_handler)                                                                               \
    X(contract_05_outcome_is_a_timeout)                                                                                \
    X(contract_05_late_reply_is_dropped)                                                                               \
    X(contract_05_receiver_stops_at_the_request)                                                                       \
    X(contract_05_receiver_ends_after_it_deferred)                                                                     \
    X(contract_05_receiver_ends_while_the_request_is_queued)                                                           \
    X(contract_05_receiver_is_full)                                                                                    \
    X(contract_05_cancelled_request_has_no_outcome)                                                                    \
    X(contract_05_receiver_was_down_before)                                                                            \
    X(contract_08_timer_cancelled_while_queued_does_not_fire)                                                          \
    X(contract_08_timeout_cancelled_while_queued_has_no_outcome)                                                       \
    X(contract_08_reply_to_a_cancelled_request_is_dropped_while_queued)                                                \
    X(contract_08_only_the_owner_can_cancel)                                                                           \
    X(contract_09_stopped_actor_leaves_its_backlog_as_dead_letters)                                                    \
    X(contract_09_asked_to_stop_it_ends_after_the_current_message)                                                     \
    X(contract_09_failed_actor_says_why)                                                                               \
    X(contract_09_system_stops_when_its_backlog_is_worked_off)                                                         \
    X(contract_09_stop_is_cut_off_and_names_who_held_it_up)                                                            \
    X(contract_09_open_request_holds_a_stop_up)                                                                        \
    X(contract_09_system_that_never_started_can_be_destroyed)                                                          \
    X(contract_10_flood_delays_another_actor_by_its_budget_at_most)                                                    \
    X(contract_10_flood_does_not_starve_a_timer)                                                                       \
    X(contract_11_wrapped_body_is_released_once_by_its_maker)                                                          \
    X(contract_11_wrapped_body_is_released_when_the_stop_is_cut_off)                                                   \
    X(contract_11_own_memory_is_bounded_and_freed_at_the_end)                                                          \
    X(contract_12_two_systems_live_in_one_process)                                                                     \
    X(bad_arguments_of_actor_h)                                                                                        \
    X(bad_arguments_of_runtime_h)                                                                                      \
    X(bad_arguments_of_stats_h_and_error_h)                                                                            \
    X(bad_arguments_of_sim_h)                                                                                          \
    X(contract_05_expired_request_is_not_run)                                                                          \
    X(contract_05_bodies_of_all_sizes_go_both_ways)                                                                    \
    X(contract_05_replies_find_room_in_a_full_mailbox)                                                                 \
    X(shards_that_flood_each_other_with_respect_lose_nothing)                                                          \
    X(shards_that_flood_each_other_heedlessly_are_refused)                                                             \
    X(eight_shards_on_two_processors_flood_in_a_ring)                                                                  \
    X(foreign_threads_spawn_and_send_before_the_start_and_after)                                                       \
    X(actors_are_spawned_where_asked)                                                                                  \
    X(reference_is_good_at_once_for_everybody)                                                                         \
    X(stale_reference_is_detected_after_reuse_of_the_slot)                                                             \
    X(actor_whose_init_fails_has_no_exit)                                                                              \
    X(actor_becomes_another_for_the_next_message)                                                                      \
    X(timer_fires_once_and_never_early)                                                                                \
    X(periodic_timer_counts_what_it_missed_and_ends_when_cancelled)                                                    \
    X(ten_thousand_timers_fire_in_order)                                                                               \
    X(idle_system_does_not_wake_up)                                                                                    \
    X(job_results_come_back_as_outcomes)                                                                               \
    X(job_memory_lives_as_long_as_its_message)                                                                         \
    X(contract_08_cancelled_job_that_waits_never_runs)                                                                 \
    X(contract_08_cancelled_job_that_runs_has_no_outcome)                                                              \
    X(contract_05_job_times_out_once)                                                                                  \
    X(contract_11_jobs_end_with_their_actor)                                                                           \
    X(contract_04_jobs_that_wait_are_bounded)                                                                          \
    X(contract_09_stop_waits_for_a_job_that_runs)                                                                      \
    X(contract_09_job_that_holds_up_a_stop_is_named)                                                                   \
    X(bad_arguments_of_offload_h)                                                                                      \
    X(typed_messages_arrive_and_mistyped_ones_do_not)                                                                  \
    X(socket_chaos_ends_well)                                                                                          \
    X(socket_connect_is_refused)                                                                                       \
    X(socket_connect_times_out)                                                                                        \
    X(socket_address_in_use_and_other_mistakes)                                                                        \
    X(socket_ipv4_ipv6_and_both)                                                                                       \
    X(socket_connections_are_distributed_as_asked)                                                                     \
    X(socket_one_connection_too_many_is_told)                                                                          \
    X(socket_a_thousand_connections)                                                                                   \
    X(socket_stop_with_open_connections)                                                                               \
    X(socket_slow_reader_throttles_the_writer)                                                                         \
    X(socket_slow_owner_throttles_the_sender)                                                                          \
    X(socket_pause_stops_what_comes)                                                                                   \
    X(socket_echoes_a_megabyte)                                                                                        \
    X(socket_echoes_all_before_it_ends_by_default)                                                                     \
    X(socket_that_half_closed_still_reads)                                                                             \
    X(socket_close_flushes)                                                                                            \
    X(socket_flushes_when_its_owner_ends)                                                                              \
    X(socket_abort_resets_the_peer)

struct scenario;
#define LIST_DECLARE(name) void name(struct scenario *s);
SCENARIOS(LIST_DECLARE)

#endif
