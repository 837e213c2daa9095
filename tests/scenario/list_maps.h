/* SPDX-License-Identifier: MIT */
/*
 * list_maps.h - the names of the scenarios of mapped files and of staging; for list.h.
 */
#ifndef LIST_MAPS_H
#define LIST_MAPS_H

#define SCENARIOS_OF_MAPS(X)                                                                                           \
    X(map_shows_what_is_in_the_file)                                                                                   \
    X(map_shows_a_part_that_begins_anywhere)                                                                           \
    X(map_shows_as_many_bytes_as_were_asked_for)                                                                       \
    X(map_of_an_empty_file_is_empty)                                                                                   \
    X(map_is_unmapped_when_the_last_view_is_released)                                                                  \
    X(map_view_outlives_its_map_and_its_owner)                                                                         \
    X(map_that_is_written_writes_the_file)                                                                             \
    X(map_that_is_loaded_for_writing_writes_the_file)                                                                  \
    X(map_that_is_private_leaves_the_file_as_it_is)                                                                    \
    X(map_that_is_read_is_not_stored_into)                                                                             \
    X(map_may_make_the_file_and_extend_it)                                                                             \
    X(map_of_a_file_that_is_not_there_fails)                                                                           \
    X(map_beyond_the_end_fails)                                                                                        \
    X(map_of_more_than_there_is_fails)                                                                                 \
    X(map_of_a_folder_fails)                                                                                           \
    X(map_of_a_device_fails)                                                                                           \
    X(map_of_what_may_not_be_read_fails)                                                                               \
    X(map_without_a_descriptor_fails)                                                                                  \
    X(map_bad_arguments_are_refused)                                                                                   \
    X(map_is_loaded_in_steps_that_are_told)                                                                            \
    X(map_is_loaded_where_the_kernel_cannot_populate)                                                                  \
    X(map_is_waited_for_with_a_deadline)                                                                               \
    X(map_answers_all_who_wait_in_order)                                                                               \
    X(map_that_fails_fails_all_that_wait_for_it)                                                                       \
    X(map_that_is_closed_while_it_loads_lets_go_of_who_waits)                                                          \
    X(map_takes_every_advice)                                                                                          \
    X(map_for_which_there_is_no_room_fails)                                                                            \
    X(map_each_is_ready_or_fails_whatever_happens)                                                                     \
    X(map_that_loads_does_not_hold_up_a_stop)                                                                          \
    X(map_that_is_cut_short_is_an_error_to_its_reader)                                                                 \
    X(map_that_is_written_and_cut_short_is_an_error)                                                                   \
    X(map_that_is_private_and_cut_short_is_an_error)                                                                   \
    X(map_that_is_cut_short_while_it_loads_fails)                                                                      \
    X(map_that_is_cut_short_fails_the_socket_that_sends_it)                                                            \
    X(map_that_is_cut_short_fails_the_socket_that_sends_a_little_of_it)                                                \
    X(map_owner_that_ends_at_any_moment_leaves_nothing_behind)                                                         \
    X(map_system_that_is_cut_off_at_any_moment_adds_up)                                                                \
    X(stage_hands_over_each_file_once)                                                                                 \
    X(stage_reads_one_file_at_a_time)                                                                                  \
    X(stage_reads_large_files_where_nothing_is_mapped)                                                                 \
    X(stage_maps_files_that_are_small)                                                                                 \
    X(stage_hands_over_each_file_once_whatever_fails)                                                                  \
    X(stage_waits_while_its_contents_are_kept)                                                                         \
    X(stage_goes_on_while_all_is_kept_and_there_is_room)                                                               \
    X(stage_contents_outlive_who_staged_them)                                                                          \
    X(stage_ends_with_who_began_it)                                                                                    \
    X(stage_that_is_under_way_does_not_hold_up_a_stop)                                                                 \
    X(stage_bad_arguments_are_refused)

#endif
