/* SPDX-License-Identifier: MIT */
/*
 * list_files.h - the scenarios of files. Part of list.h.
 */
#ifndef SCENARIO_LIST_FILES_H
#define SCENARIO_LIST_FILES_H

#define SCENARIOS_OF_FILES(X)                                                                                          \
    X(file_gives_back_what_was_written)                                                                                \
    X(file_keeps_a_position_for_reads_and_writes)                                                                      \
    X(file_is_used_from_another_shard)                                                                                 \
    X(file_that_is_not_there_cannot_be_opened)                                                                         \
    X(file_without_a_name_is_as_others)                                                                                \
    X(file_that_is_there_cannot_be_made_anew)                                                                          \
    X(file_that_may_not_be_read_cannot_be_opened)                                                                      \
    X(file_that_is_a_folder_cannot_be_written)                                                                         \
    X(file_errors_name_the_path)                                                                                       \
    X(file_disk_may_be_full)                                                                                           \
    X(file_on_a_full_disk_says_how_much_it_has)                                                                        \
    X(file_on_a_full_disk_is_not_replaced_nor_copied)                                                                  \
    X(file_write_that_is_cut_short_says_so)                                                                            \
    X(file_calls_take_effect_in_order)                                                                                 \
    X(file_does_what_was_asked_before_its_owner_ended)                                                                 \
    X(file_gives_the_same_bytes_to_one_read_and_to_many)                                                               \
    X(file_read_never_overtakes_a_write)                                                                               \
    X(file_is_read_on_from_where_the_last_read_ended)                                                                  \
    X(file_read_that_is_cancelled_has_no_outcome)                                                                      \
    X(file_that_is_stopped_answers_the_reads_that_it_has)                                                              \
    X(file_that_was_read_often_lets_go_of_its_locks)                                                                   \
    X(file_read_directly_is_read_at_any_place)                                                                         \
    X(file_read_directly_from_another_shard)                                                                           \
    X(file_written_directly_says_the_alignment)                                                                        \
    X(file_call_that_is_interrupted_goes_on)                                                                           \
    X(file_read_is_parted_without_a_copy)                                                                              \
    X(file_that_is_closed_while_it_is_copied_says_so)                                                                  \
    X(file_call_that_times_out_names_the_path)                                                                         \
    X(file_reads_end_with_their_asker)                                                                                 \
    X(file_that_is_stopped_waits_for_what_it_does)                                                                     \
    X(file_takes_only_so_many_calls_at_once)                                                                           \
    X(file_cannot_be_opened_without_a_descriptor)                                                                      \
    X(file_locks_keep_others_out)                                                                                      \
    X(file_bad_arguments_are_refused)                                                                                  \
    X(file_each_call_has_one_outcome_whatever_fails)                                                                   \
    X(file_open_when_the_system_is_cut_off)                                                                            \
    X(file_is_replaced_in_one_step)                                                                                    \
    X(file_is_replaced_by_more_than_a_mailbox_takes)                                                                   \
    X(file_that_cannot_be_replaced_says_so)                                                                            \
    X(file_is_copied_to_another)                                                                                       \
    X(file_copy_that_fails_says_where)                                                                                 \
    X(file_that_is_copied_is_closed_behind_that)                                                                       \
    X(file_of_another_shard_that_is_copied_is_closed_behind_that)                                                      \
    X(file_that_is_sent_is_closed_behind_that)                                                                         \
    X(file_that_is_sent_by_pieces_is_closed_behind_that)                                                               \
    X(file_that_is_sent_in_vain_is_closed_behind_that)                                                                 \
    X(file_is_sent_to_a_socket)                                                                                        \
    X(file_sent_to_a_socket_that_closes_fails)                                                                         \
    X(file_that_is_only_read_goes_to_a_socket_between_writes)                                                          \
    X(file_is_sent_to_a_peer_that_reads_nothing_for_a_while)                                                           \
    X(file_that_is_cut_short_while_it_is_sent_ends_there)                                                              \
    X(file_that_is_only_read_fails_where_the_peer_aborts)                                                              \
    X(file_that_is_only_read_is_sealed_where_there_is_tls)                                                             \
    X(file_that_is_sent_by_itself_leaves_the_socket_to_others)

#endif
