/* SPDX-License-Identifier: MIT */
/*
 * tls_papers.h - certificates for the scenarios of TLS, made when they are needed, in a folder that goes with the
 * process. The keys are Ed25519, whose signatures all have the same length: so a seed's play has the same lengths.
 */
#ifndef TLS_PAPERS_H
#define TLS_PAPERS_H

#include "ringmail.h"
#include "support/scenario.h"

/* An authority "ca" with "server" (localhost, *.wild.test, 127.0.0.1, ::1), "other" (other.test), "expired"
   (localhost), "client" (CN alice); an authority "stranger" with "forged" (localhost) and "mallory" (CN mallory). */

/* False where ringmail was built without TLS: then this has been checked, and there is nothing more to play. */
bool tls_papers(struct scenario *s);
/* "NAME.pem" or "NAME.key" in the folder. Static storage, of one of the last sixteen calls. */
const char *tls_paper(const char *name, const char *ending);
/* Certificate and key. */
rim_tls_certificate tls_certificate(const char *name);
/* Makes `to`'s files those of `from`. */
void tls_papers_copy(const char *from, const char *to);
/* A file of these bytes in the folder. */
const char *tls_papers_write(const char *name, const char *text);

#endif
