/* SPDX-License-Identifier: MIT */
/*
 * list_tls.h - those of TLS, for list.h.
 */
#ifndef LIST_TLS_H
#define LIST_TLS_H

#define SCENARIOS_TLS(X)                                                                                               \
    X(tls_echoes_a_megabyte)                                                                                           \
    X(tls_echoes_all_before_it_ends_by_default)                                                                        \
    X(tls_speaks_1_2)                                                                                                  \
    X(tls_bytes_may_come_one_by_one)                                                                                   \
    X(tls_both_ends_know_what_was_agreed_on)                                                                           \
    X(tls_server_chooses_its_certificate_by_name)                                                                      \
    X(tls_sessions_are_resumed)                                                                                        \
    X(tls_sessions_are_not_resumed_where_either_does_not_want_it)                                                      \
    X(tls_slow_reader_throttles_the_writer)                                                                            \
    X(tls_owner_with_a_small_mailbox_loses_nothing)                                                                    \
    X(tls_is_served_by_a_listener_on_every_shard)                                                                      \
    X(tls_keeps_what_is_written_before_it_is_open)                                                                     \
    X(tls_connects_by_name)                                                                                            \
    X(tls_goes_over_unix_sockets)                                                                                      \
    X(tls_reload_changes_what_comes_later)                                                                             \
    X(tls_kernel_is_not_asked_where_it_cannot)                                                                         \
    X(tls_kernel_seals_where_it_can)                                                                                   \
    X(tls_wrong_name_is_refused)                                                                                       \
    X(tls_wrong_address_is_refused)                                                                                    \
    X(tls_unknown_authority_is_refused)                                                                                \
    X(tls_verification_is_on_by_default)                                                                               \
    X(tls_expired_certificate_is_refused)                                                                              \
    X(tls_unverified_client_takes_all)                                                                                 \
    X(tls_versions_that_do_not_meet_are_refused)                                                                       \
    X(tls_protocols_that_do_not_meet_are_refused)                                                                      \
    X(tls_goes_on_where_nobody_asks_for_a_protocol)                                                                    \
    X(tls_client_shows_its_certificate)                                                                                \
    X(tls_client_may_be_without_a_certificate)                                                                         \
    X(tls_client_without_a_certificate_is_refused)                                                                     \
    X(tls_client_with_a_bad_certificate_is_refused)                                                                    \
    X(tls_client_that_writes_on_hears_why_it_is_refused)                                                               \
    X(tls_refusal_is_told_also_without_patience)                                                                       \
    X(tls_garbage_instead_of_a_hello_is_refused)                                                                       \
    X(tls_client_hears_that_the_server_is_plain)                                                                       \
    X(tls_server_waits_for_a_hello_so_long)                                                                            \
    X(tls_client_waits_for_an_answer_so_long)                                                                          \
    X(tls_end_without_close_notify_is_told)                                                                            \
    X(tls_reset_is_told)                                                                                               \
    X(tls_end_in_the_handshake_is_told)                                                                                \
    X(tls_spoiled_bytes_are_refused)                                                                                   \
    X(tls_may_be_given_up_at_any_time)                                                                                 \
    X(tls_stop_does_not_wait_for_handshakes)                                                                           \
    X(tls_ends_also_without_memory)                                                                                    \
    X(tls_mistakes_are_told)                                                                                           \
    X(tls_calls_that_do_not_fit_are_refused)

#endif
