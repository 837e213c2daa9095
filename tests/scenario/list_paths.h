/* SPDX-License-Identifier: MIT */
/*
 * list_paths.h - the part of list.h that is about paths, folders, trees and watches of them
 */
#ifndef LIST_PATHS_H
#define LIST_PATHS_H

#define SCENARIOS_OF_PATHS(X)                                                                                          \
    X(path_folders_are_made_and_removed)                                                                               \
    X(path_names_are_given_and_taken_away)                                                                             \
    X(path_links_lead_elsewhere)                                                                                       \
    X(path_temporaries_have_names_of_their_own)                                                                        \
    X(path_times_and_owner_are_set)                                                                                    \
    X(path_without_permission_is_refused)                                                                              \
    X(path_that_is_too_long_is_refused)                                                                                \
    X(path_bad_arguments_are_refused)                                                                                  \
    X(path_disk_may_be_full)                                                                                           \
    X(path_calls_at_once_make_the_same_folders)                                                                        \
    X(path_each_call_has_one_outcome_whatever_fails)                                                                   \
    X(path_call_that_times_out_names_the_path)                                                                         \
    X(path_calls_when_the_system_is_cut_off)                                                                           \
    X(folder_lists_what_is_in_it)                                                                                      \
    X(folder_lists_a_tree_and_follows_no_link)                                                                         \
    X(folder_by_a_link_is_where_that_leads)                                                                            \
    X(folder_is_read_from_another_shard)                                                                               \
    X(folder_that_is_empty_has_only_an_end)                                                                            \
    X(folder_that_is_not_there_cannot_be_listed)                                                                       \
    X(folder_that_is_a_file_cannot_be_listed)                                                                          \
    X(folder_without_permission_cannot_be_listed)                                                                      \
    X(folder_within_a_tree_that_cannot_be_listed_says_so)                                                              \
    X(folder_cannot_be_listed_without_a_descriptor)                                                                    \
    X(folder_takes_only_so_many_reads_at_once)                                                                         \
    X(folder_bad_arguments_are_refused)                                                                                \
    X(folder_of_very_many_entries_comes_in_batches)                                                                    \
    X(folder_that_is_closed_fails_the_reads_that_wait)                                                                 \
    X(folder_listed_when_the_system_is_cut_off)                                                                        \
    X(paths_are_answered_also_without_memory)                                                                          \
    X(watch_that_was_not_added_for_want_of_memory_can_be_added_again)                                                  \
    X(tree_is_removed_and_nothing_outside_of_it)                                                                       \
    X(tree_keeps_only_what_may_not_be_removed)                                                                         \
    X(tree_of_any_depth_is_removed)                                                                                    \
    X(tree_that_is_too_deep_is_walked_as_far_as_it_goes)                                                               \
    X(tree_is_removed_while_others_change_it)                                                                          \
    X(tree_is_removed_whatever_fails)                                                                                  \
    X(tree_is_walked_whatever_fails)                                                                                   \
    X(tree_is_not_removed_in_other_file_systems)                                                                       \
    X(tree_removal_ends_with_its_time)                                                                                 \
    X(tree_removal_when_the_system_is_cut_off)                                                                         \
    X(change_of_names_is_told_in_order)                                                                                \
    X(change_from_one_folder_to_another_has_both_names)                                                                \
    X(change_that_was_not_asked_for_is_not_told)                                                                       \
    X(change_of_a_file_is_told_by_its_folder)                                                                          \
    X(change_of_a_file_is_told_by_itself)                                                                              \
    X(change_watched_folder_that_is_removed_is_gone)                                                                   \
    X(change_watched_folder_that_is_moved_is_gone)                                                                     \
    X(change_is_not_told_when_it_is_watched_no_more)                                                                   \
    X(change_that_cannot_be_watched_says_why)                                                                          \
    X(change_bad_arguments_are_refused)                                                                                \
    X(change_of_too_many_paths_cannot_be_watched)                                                                      \
    X(change_cannot_be_watched_without_a_descriptor)                                                                   \
    X(change_that_was_lost_is_told)                                                                                    \
    X(change_waits_until_its_owner_has_room)                                                                           \
    X(change_watched_when_the_system_is_cut_off)                                                                       \
    X(change_is_watched_as_long_as_its_owner_lives)

#endif
