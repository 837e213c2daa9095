/* SPDX-License-Identifier: MIT */
/*
 * list_outside.h - the names of the scenarios of what comes from outside: a part of list.h.
 */
#ifndef LIST_OUTSIDE_H
#define LIST_OUTSIDE_H

#define SCENARIOS_OUTSIDE(X)                                                                                           \
    X(signal_comes_as_a_message)                                                                                       \
    X(signal_that_waits_already_comes_once)                                                                            \
    X(signals_wait_for_an_owner_without_room)                                                                          \
    X(signal_after_the_end_of_a_watch_is_for_the_next)                                                                 \
    X(contract_12_handlers_of_signals_are_the_programs)                                                                \
    X(signal_mistakes_are_told)                                                                                        \
    X(pipe_carries_bytes_in_order_to_the_end)                                                                          \
    X(pipe_that_nobody_reads_holds_its_writer_back)                                                                    \
    X(pipe_that_is_interrupted_goes_on)                                                                                \
    X(pipe_without_a_reader_breaks_with_a_write)                                                                       \
    X(pipe_has_one_way_only)                                                                                           \
    X(pipe_by_its_path_is_a_fifo)                                                                                      \
    X(pipe_of_standard_input_and_output)                                                                               \
    X(pipe_of_standard_streams_that_are_files)                                                                         \
    X(pipe_of_standard_input_that_is_a_terminal)                                                                       \
    X(pipe_of_standard_streams_that_are_closed_is_refused)                                                             \
    X(pipe_of_standard_input_that_is_a_socket)                                                                         \
    X(pipe_of_standard_input_that_is_a_socket_which_does_not_wait)                                                     \
    X(pipe_that_is_opened_for_both_ways_does_not_end)                                                                  \
    X(pipe_mistakes_are_told)                                                                                          \
    X(process_exits_with_its_status)                                                                                   \
    X(process_reads_its_input_and_writes_its_output)                                                                   \
    X(process_that_a_signal_ends_says_which)                                                                           \
    X(process_is_asked_to_end_first)                                                                                   \
    X(process_that_ignores_that_is_killed_after_the_deadline)                                                          \
    X(process_can_be_killed_at_once)                                                                                   \
    X(process_whose_owner_ends_is_killed)                                                                              \
    X(process_whose_owner_ends_is_asked_first)                                                                         \
    X(process_can_be_left_to_itself)                                                                                   \
    X(process_gets_environment_folder_and_arguments)                                                                   \
    X(process_gets_no_other_descriptors)                                                                               \
    X(process_whose_output_nobody_reads_is_ended_by_its_write)                                                         \
    X(processes_all_tell_their_exit)                                                                                   \
    X(process_mistakes_are_told)                                                                                       \
    X(process_chaos_ends_well)                                                                                         \
    X(process_chaos_ends_well_for_want_of_memory)                                                                      \
    X(poll_tells_as_long_as_something_can_be_read)                                                                     \
    X(poll_once_rests_until_it_is_asked_again)                                                                         \
    X(poll_goes_on_when_the_caller_closes_its_descriptor)                                                              \
    X(poll_tells_that_the_other_side_is_gone)                                                                          \
    X(poll_mistakes_are_told)

#endif
