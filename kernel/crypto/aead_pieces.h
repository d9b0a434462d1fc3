/* SPDX-License-Identifier: Apache-2.0 */
/* aead_open_pieces by aead_open, for a provider that has nothing faster: it includes this once. */
#pragma once
#include "base/string.h"
#include "crypto/aead.h"

size_t aead_open_pieces(const struct aead_key *key, const struct aead_piece *pieces, size_t count, size_t size)
{
    size_t done = 0;
    for (; done < count; done++) {
        memcpy(pieces[done].out, pieces[done].in, size); /* who can change `in` meanwhile changes nothing that counts */
        if (aead_open(key, pieces[done].nonce, NULL, 0, pieces[done].out, pieces[done].out, size, pieces[done].tag))
            break;
    }
    return done;
}
