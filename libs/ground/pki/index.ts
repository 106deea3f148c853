export * from './cose.ts';
export * from './development-ca.ts';
export * from './pki.errors.ts';
export * from './receipt.ts';
export * from './signer.ts';
export * from './timestamp-authority.ts';
