// Adds a signed change to each byte of a picture, saturating at 0 and 255 (AssemblyScript, 16 bytes a step).
// Plain reference beside it: add-change.ts. Pointers are byte addresses that the host laid out above 64 KiB.

export function addChange(picture: usize, change: usize, bytes: i32): void {
  const none = i8x16.splat(0);
  let i: i32 = 0;
  for (; i + 16 <= bytes; i += 16) {
    const c = v128.load(change + i);
    const up = i8x16.max_s(c, none);
    const down = i8x16.max_s(i8x16.neg(c), none);
    v128.store(picture + i, i8x16.sub_sat_u(i8x16.add_sat_u(v128.load(picture + i), up), down));
  }
  for (; i < bytes; i++) {
    const value: i32 = <i32>load<u8>(picture + i) + <i32>load<i8>(change + i);
    store<u8>(picture + i, <u8>min<i32>(255, max<i32>(0, value)));
  }
}
