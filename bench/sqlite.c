/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite as services use it: a write-ahead log, and each transaction durable when COMMIT returns. In an enclave on the store at
 * /store, natively in BENCH_DIR (default: here).
 */
#include <sqlite3.h>
#include <unistd.h>
#include "bench.h"

#define ROWS        100000
#define TRANSACTION 100

static const char *files[] = {"bench.db", "bench.db-wal", "bench.db-shm"};

static void files_remove(void)
{
    for (int i = 0; i < 3; i++)
        unlink(files[i]);
}

static void need(sqlite3 *db, int status)
{
    if (status == SQLITE_OK || status == SQLITE_DONE || status == SQLITE_ROW)
        return;
    fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(db));
    exit(1);
}

static void transaction(sqlite3 *db, sqlite3_stmt *insert, int first)
{
    char text[64];
    need(db, sqlite3_exec(db, "BEGIN", NULL, NULL, NULL));
    for (int i = first; i < first + TRANSACTION; i++) {
        int len = snprintf(text, sizeof(text), "row %d of many, %08x", i, (unsigned)i * 2654435761u);
        need(db, sqlite3_bind_int(insert, 1, i));
        need(db, sqlite3_bind_text(insert, 2, text, len, SQLITE_STATIC));
        need(db, sqlite3_step(insert));
        need(db, sqlite3_reset(insert));
    }
    need(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
}

static void inserts(sqlite3 *db)
{
    sqlite3_stmt *insert;
    need(db, sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(id INTEGER PRIMARY KEY, text TEXT)",
                          NULL, NULL, NULL));
    need(db, sqlite3_prepare_v2(db, "INSERT INTO t VALUES(?, ?)", -1, &insert, NULL));
    double start = bench_now_ns();
    for (int first = 0; first < ROWS; first += TRANSACTION)
        transaction(db, insert, first);
    bench_report("store_sqlite", ROWS / (bench_now_ns() - start) * 1e9, "rows/s");
    need(db, sqlite3_finalize(insert));
}

int main(void)
{
    const char *dir = getenv("BENCH_DIR");
    sqlite3 *db;
    if (chdir("/store") < 0)
        bench_need(chdir(dir ? dir : ".") == 0, "BENCH_DIR");
    files_remove();
    need(NULL, sqlite3_open(files[0], &db));
    inserts(db);
    need(db, sqlite3_close(db));
    files_remove();
    return 0;
}
