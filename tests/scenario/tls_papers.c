/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "tls_papers.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

struct paper {
    const char *name, *subject, *alternatives;
    int issuer; /* index; its own: an authority */
    long begin_s, end_s;
};

#define DAY 86400L

enum { CA, STRANGER, PAPERS = 9 };
static const struct paper papers[PAPERS] = {
    [CA] = {"ca", "Ringmail Test Authority", NULL, CA, -DAY, DAY},
    [STRANGER] = {"stranger", "A Stranger", NULL, STRANGER, -DAY, DAY},
    {"server", "server", "DNS:localhost,DNS:*.wild.test,IP:127.0.0.1,IP:::1", CA, -DAY, DAY},
    {"other", "other", "DNS:other.test", CA, -DAY, DAY},
    {"expired", "expired", "DNS:localhost,IP:127.0.0.1", CA, -3 * DAY, -2 * DAY},
    {"client", "alice", NULL, CA, -DAY, DAY},
    {"forged", "forged", "DNS:localhost,IP:127.0.0.1", STRANGER, -DAY, DAY},
    {"mallory", "mallory", NULL, STRANGER, -DAY, DAY},
    {"late", "client of yesterday", NULL, CA, -3 * DAY, -2 * DAY},
};

static void remove_folder(void) {
    DIR *list = opendir(folder);
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        (void)unlinkat(dirfd(list), entry->d_name, 0);
    }
    if (list != NULL) {
        closedir(list);
    }
    (void)rmdir(folder);
}

static void must(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "    certificates: %s failed\n", what);
        exit(EXIT_FAILURE);
    }
}

static void extend(X509 *certificate, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(extension != NULL && X509_add_ext(certificate, extension, -1) == 1, value);
    X509_EXTENSION_free(extension);
}

static X509 *fill(const struct paper *paper, EVP_PKEY *key, const X509 *issuer) {
    X509 *certificate = X509_new();
    must(certificate != NULL, "X509_new");
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1000 + (paper - papers));
    X509_gmtime_adj(X509_getm_notBefore(certificate), paper->begin_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), paper->end_s);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)paper->subject, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer != NULL ? issuer : certificate));
    extend(certificate, NID_basic_constraints, issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    if (paper->alternatives != NULL) {
        extend(certificate, NID_subject_alt_name, paper->alternatives);
    }
    return certificate;
}

static void save(const struct paper *paper, X509 *certificate, EVP_PKEY *key) {
    FILE *file = fopen(tls_paper(paper->name, "pem"), "w");
    must(file != NULL && PEM_write_X509(file, certificate) == 1 && fclose(file) == 0, "a certificate's file");
    file = fopen(tls_paper(paper->name, "key"), "w");
    must(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(file) == 0,
         "a key's file");
}

static void make_all(void) {
    X509 *certificates[PAPERS];
    EVP_PKEY *keys[PAPERS];
    for (int i = 0; i < PAPERS; i++) {
        const struct paper *paper = &papers[i];
        keys[i] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        must(keys[i] != NULL, "a key");
        certificates[i] = fill(paper, keys[i], paper->issuer == i ? NULL : certificates[paper->issuer]);
        must(X509_sign(certificates[i], keys[paper->issuer], NULL) > 0, "signing");
        save(paper, certificates[i], keys[i]);
    }
    for (int i = 0; i < PAPERS; i++) {
        X509_free(certificates[i]);
        EVP_PKEY_free(keys[i]);
    }
}

bool tls_papers(struct scenario *s) {
    (void)s;
    if (folder[0] == '\0') {
        strcpy(folder, "/tmp/ringmail-tls-XXXXXX");
        must(mkdtemp(folder) != NULL, "the folder");
        atexit(remove_folder);
        make_all();
    }
    return true;
}

const char *tls_paper(const char *name, const char *ending) {
    static char paths[16][128];
    static unsigned turn;
    char *path = paths[turn++ % RIM_COUNT(paths)];
    snprintf(path, sizeof paths[0], "%s/%s.%s", folder, name, ending);
    return path;
}

rim_tls_certificate tls_certificate(const char *name) {
    return (rim_tls_certificate){.certificate = tls_paper(name, "pem"), .key = tls_paper(name, "key")};
}

const char *tls_papers_write(const char *name, const char *text) {
    const char *path = tls_paper(name, "pem");
    FILE *file = fopen(path, "w");
    must(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, path);
    return path;
}

static void copy(const char *from, const char *to) {
    static char bytes[16384];
    FILE *file = fopen(from, "r");
    must(file != NULL, from);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    file = fopen(to, "w");
    must(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0, to);
}

void tls_papers_copy(const char *from, const char *to) {
    copy(tls_paper(from, "pem"), tls_paper(to, "pem"));
    copy(tls_paper(from, "key"), tls_paper(to, "key"));
}
