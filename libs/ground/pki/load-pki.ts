import type { X509Certificate } from 'node:crypto';
import { type CertificateRole, pemToCertificates, verifyChain } from './certificates.ts';
import type { CertifiedKey } from './development-ca.ts';
import { SignerNotReadyError } from './pki.errors.ts';
import { FileSigner, type Signer } from './signer.ts';
import { TimestampAuthority } from './timestamp-authority.ts';

/** A key with its chain and roots, as stored; the key may be encrypted. */
export interface StoredKey extends CertifiedKey {
  readonly passphrase?: string;
}

export interface LoadedPki {
  readonly signer: Signer;
  readonly chainPem: string;
  readonly tsa: TimestampAuthority;
  readonly anchors: { readonly claimRootsPem: string; readonly tsaRootsPem: string };
}

/**
 * Opens a claim-signing and a time-stamping key and holds each against its certificates.
 * @throws SignerNotReadyError naming every fault at once: before any work, not after a render (case PR-03).
 */
export function loadPki({ claim, tsa }: { claim: StoredKey; tsa: StoredKey }, at = new Date()): LoadedPki {
  const signer = new FileSigner(claim.keyPem, claim.passphrase);
  const authority = new TimestampAuthority({ signer: new FileSigner(tsa.keyPem, tsa.passphrase), chainPem: tsa.chainPem });
  const loaded = {
    signer,
    chainPem: claim.chainPem,
    tsa: authority,
    anchors: { claimRootsPem: claim.rootPem, tsaRootsPem: tsa.rootPem },
  };
  requirePki(loaded, at);
  return loaded;
}

/** @throws SignerNotReadyError with `faults` unless keys, chains and anchors fit together now. */
export function requirePki(pki: LoadedPki, at = new Date()): void {
  const faults = [
    ...faultsOf('claim signing', pki.signer, pki.chainPem, pki.anchors.claimRootsPem, 'claim-signing', at),
    ...faultsOf('time stamping', pki.tsa.signer, pki.tsa.chainPem, pki.anchors.tsaRootsPem, 'time-stamping', at),
  ];
  if (faults.length > 0)
    throw new SignerNotReadyError(
      `What we sign could not be verified. ${faults.join('; ')}. Repair keys, certificates or anchors.`,
      {
        faults,
      },
    );
}

function faultsOf(name: string, signer: Signer, chainPem: string, rootsPem: string, role: CertificateRole, at: Date): string[] {
  const prefixed = (fault: string): string => `${name}: ${fault}`;
  let chain: X509Certificate[];
  let faults: string[];
  try {
    chain = pemToCertificates(chainPem);
    faults = verifyChain(chain, rootsPem, role, at);
  } catch (error) {
    return [prefixed(`a certificate cannot be read (${(error as Error).message})`)];
  }
  // Verifiers need leaf and intermediate; the root they have.
  if (chain.length === 1) faults.push('the chain needs leaf and intermediate');
  const [leaf] = chain;
  if (leaf && !leaf.publicKey.equals(signer.publicKey)) faults.push('the key is not the one of the certificate');
  return faults.map(prefixed);
}
