import { type Cipher, createCipheriv, hkdfSync } from 'node:crypto';

/** Keyed stream of numbers: HKDF-SHA256 → AES-256-CTR. The same key and label give the same layout everywhere. */
export class KeyStream {
  readonly #cipher: Cipher;
  #block = Buffer.alloc(0);
  #at = 0;

  constructor(key: Uint8Array, label: string) {
    const okm = Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), label, 48));
    this.#cipher = createCipheriv('aes-256-ctr', okm.subarray(0, 32), okm.subarray(32, 48));
  }

  uint32(): number {
    if (this.#at + 4 > this.#block.length) {
      this.#block = this.#cipher.update(Buffer.alloc(65_536));
      this.#at = 0;
    }
    const value = this.#block.readUInt32LE(this.#at);
    this.#at += 4;
    return value;
  }

  /** Uniform below n, without modulo bias. */
  below(n: number): number {
    const limit = Math.floor(2 ** 32 / n) * n;
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % n;
  }

  sign(): 1 | -1 {
    return (this.uint32() & 1) === 1 ? 1 : -1;
  }

  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const held = order[i]!;
      order[i] = order[j]!;
      order[j] = held;
    }
    return order;
  }
}
