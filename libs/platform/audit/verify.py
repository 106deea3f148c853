#!/usr/bin/env python3
"""Offline verifier of an Assent audit bundle: python3 verify.py [FOLDER...] [--key LOG.VKEY] [--known CHECKPOINT]

Exit 0: every line is as the log signed it. 1: it is not, and the first bad line is named. 2: the bundle cannot be read.
Standard library only (Python 3.8 or newer). Written from docs/log-format.md; it shares no code with the service or verify.mjs.
For whole logs: the bundle of one tenant is checked by verify.mjs.
"""
import base64, binascii, hashlib, json, os, re, sys

class Verdict(Exception):
    pass

def end(kind, text, at=None):
    raise Verdict("%s: %s%s" % (kind, "" if at is None else "entry %d: " % at, text))

# Ed25519 verification, RFC 8032 section 5.1.7 (cofactorless, as OpenSSL does it), in extended coordinates.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
I = pow(2, (P - 1) // 4, P)

def plus(a, b):
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    u, v = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, v - u, v + u, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P

def times(n, a):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = plus(out, a)
        a, n = plus(a, a), n >> 1
    return out

def point(raw):
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * I % P
    if y >= P or (x * x - xx) % P or (x == 0 and sign):
        return None
    x = P - x if (x & 1) != sign else x
    return x, y, 1, x * y % P

BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))

def ed25519(key, message, signature):
    a, s = point(key), int.from_bytes(signature[32:], "little")
    if a is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    x, y, z, _ = plus(times(s, BASE), times(h, (P - a[0], a[1], 1, P - a[3])))
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]

def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def node(left, right):
    return sha(b"\1", left, right)

def strict64(text):
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if base64.b64encode(raw).decode() == text else b""

def open_checkpoint(note, vkey, origin):
    """C2SP signed-note and tlog-checkpoint."""
    forged = lambda why: end("checkpoint-forged", why)
    key = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)", vkey.strip()) or forged("no verifier key")
    raw = strict64(key[3])[1:]
    key_id = sha(key[1].encode() + b"\n\1" + raw)[:4]
    if len(raw) != 32 or key_id.hex() != key[2]:
        forged("the verifier key is damaged")
    cut = note.rfind("\n\n")
    if cut < 0 or not note.endswith("\n"):
        forged("no signature block")
    text, good = note[: cut + 1], False
    for line in note[cut + 2 : -1].split("\n"):
        found = re.fullmatch(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)", line) or forged("malformed signature line")
        signature = strict64(found[2]) or forged("malformed signature line")
        if found[1] == key[1] and signature[:4] == key_id:
            good = len(signature) == 68 and ed25519(raw, text.encode(), signature[4:]) or forged("the signature does not verify")
    if not good:
        end("foreign-key", "the checkpoint is not signed by this key")
    head = text.split("\n") + [""] * 3
    if head[0] != origin or not re.fullmatch(r"0|[1-9][0-9]{0,15}", head[1]) or len(strict64(head[2])) != 32:
        forged("not a checkpoint of this log")
    return int(head[1]), strict64(head[2])

def consistent(m, n, proof, old, root):
    """RFC 9162 section 2.1.4.2."""
    if m == n:
        return not proof and old == root
    if not proof:
        return False
    path = [old] + proof if m & (m - 1) == 0 else proof
    fn, sn = m - 1, n - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old and sr == root

def root_after(size, roots, leaves):
    """Root of a log that had `size` entries (one root per set bit, largest first) and then `leaves` more."""
    roots = list(roots)
    for leaf in leaves:
        rest = size
        while rest & 1:
            leaf, rest = node(roots.pop(), leaf), rest >> 1
        roots.append(leaf)
        size += 1
    out = roots.pop() if roots else sha()
    while roots:
        out = node(roots.pop(), out)
    return out

def check_lines(since, closed, leaves, mine):
    same = lambda line, entry: line < len(mine) and entry < len(leaves) and mine[line] == leaves[entry]
    i = 0
    while same(i, i):
        i += 1
    at = since + i
    if i == len(mine) == len(leaves):
        return None if closed else end("tail-truncated", "the end of the line is missing", at - 1)
    if i == len(mine):
        end("tail-truncated", "%d entries are missing from here on" % (len(leaves) - i), at)
    if i == len(leaves):
        end("line-added", "line %d and later are not in the log" % (i + 1), at)
    if same(i, i + 1) and same(i + 1, i):
        end("lines-swapped", "changed places with the next one", at)
    home = leaves.index(mine[i]) if mine[i] in leaves else -1
    if len(mine) < len(leaves) and home > i:
        end("line-deleted", "%d entries were taken out from here on" % (home - i), at)
    if len(mine) > len(leaves) and leaves[i] in mine[i + 1 :]:
        end("line-added", "line %d is not in the log at this place" % (i + 1), at)
    if home >= 0:
        end("lines-swapped", "entry %d stands here" % (since + home), at)
    cut = not closed and i == len(mine) - 1
    end(*(("tail-truncated", "the file ends in the middle of it") if cut else ("line-edited", "was changed")), at)

def check(folder, key_file, known_file):
    read = lambda name: open(os.path.join(folder, name), "rb").read()
    whole = lambda n: type(n) is int and 0 <= n < 2**53
    try:
        manifest, proof = json.loads(read("manifest.json")), json.loads(read("proof.json"))
        since, size_of, raw = manifest["since"], proof["oldSize"], read("leaves.bin")
        old, prefix, hashes = strict64(proof["oldRoot"]), [strict64(h) for h in proof["prefix"]], [strict64(h) for h in proof["hashes"]]
        if not (manifest["format"] == "assent-audit-bundle/2" and whole(since) and whole(manifest["entries"]) and whole(size_of)):
            raise ValueError("manifest.json or proof.json")
        if manifest["complete"] is not True or any(len(h) != 32 for h in [old] + prefix + hashes):
            raise ValueError("manifest.json or proof.json")
        text, note = read("entries.jsonl"), read("checkpoint").decode()
        vkey = open(key_file or os.path.join(folder, "log.vkey"), "rb").read().decode()
        known = open(known_file, "rb").read().decode() if known_file else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        end("bundle-unreadable", str(error))
    lines = text.split(b"\n")
    closed = lines.pop() == b"" or text == b""
    lines = lines if closed else text.split(b"\n")
    # 1. The checkpoint is signed by the log's key.
    size, root = open_checkpoint(note, vkey, manifest["origin"])
    # 2. The hashes that stand for entries 0..since are what the log signed.
    if since > size or size_of != since or len(prefix) != bin(since).count("1") or root_after(since, prefix, []) != old:
        end("proof-broken", "the beginning of the log is not the one that the proof is about")
    if hashes if since == 0 else not consistent(since, size, hashes, old, root):
        end("proof-broken", "the consistency proof does not verify")
    # 3. Every line is its leaf, and the leaves give the signed root.
    gives = lambda leaves: len(leaves) == size - since and root_after(since, prefix, leaves) == root
    mine, leaves = [sha(b"\0", line) for line in lines], [raw[i : i + 32] for i in range(0, len(raw), 32)]
    if closed and gives(mine):
        if mine != leaves:
            end("bundle-damaged", "all lines are right; leaves.bin is not theirs")
    elif len(raw) % 32 or not gives(leaves):
        end("tree-rewritten", "neither lines nor leaf hashes give the signed root")
    else:
        check_lines(since, closed, leaves, mine)
    # 4. The log continues the checkpoint that you kept.
    remark = "" if key_file else " (key taken from the bundle)"
    if known is not None:
        known_size, known_root = open_checkpoint(known, vkey, manifest["origin"])
        if known_size > size:
            end("log-shorter", "the bundle ends at %d, your checkpoint at %d" % (size, known_size))
        if known_size < since:
            remark += " (your checkpoint of %d lies before the first line and was not compared)" % known_size
        elif root_after(since, prefix, leaves[: known_size - since]) != known_root:
            end("history-rewritten", "the first %d entries are not those you saw" % known_size)
    return "ok: %d entries from %d to %d, all as %s signed them%s" % (len(lines), since, size, manifest["origin"], remark)

if __name__ == "__main__":
    words, code = sys.argv[1:], 0
    option = lambda name: words.pop(words.index(name) + 1) if name in words else None
    key, known = option("--key"), option("--known")
    for folder in [word for word in words if not word.startswith("--")] or [os.path.dirname(os.path.abspath(__file__))]:
        try:
            print(check(folder, key, known))
        except Verdict as verdict:
            print(verdict)
            code = max(code, 2 if str(verdict).startswith("bundle-unreadable") else 1)
    sys.exit(code)
