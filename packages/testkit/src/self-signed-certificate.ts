import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export interface Certificate {
  /** Both as PEM. The certificate is its own authority. */
  readonly cert: string;
  readonly key: string;
}

const HOUR_MS = 3_600_000;
const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
};
const OID = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  basicConstraints: '551d13',
  subjectAltName: '551d11',
};

/** Makes a certificate for `localhost` and 127.0.0.1 that is good for an hour (RFC 5280), for servers that a test starts. */
export function selfSignedCertificate(): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(TAG.sequence, oid(OID.ecdsaWithSha256));
  const commonName = der(TAG.sequence, oid(OID.commonName), der(TAG.utf8, Buffer.from('localhost')));
  const name = der(TAG.sequence, der(TAG.set, commonName));
  const names = der(TAG.sequence, der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])));
  const isTrue = der(0x01, Buffer.from([0xff]));
  const extensions = der(
    TAG.sequence,
    der(TAG.sequence, oid(OID.basicConstraints), isTrue, der(TAG.octetString, der(TAG.sequence, isTrue))),
    der(TAG.sequence, oid(OID.subjectAltName), der(TAG.octetString, names)),
  );
  const now = Date.now();
  const body = der(
    TAG.sequence,
    // Version 3.
    der(0xa0, der(TAG.integer, Buffer.from([2]))),
    // A serial number is positive, and its first byte is no padding.
    der(TAG.integer, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    name,
    der(TAG.sequence, utcTime(now - HOUR_MS), utcTime(now + HOUR_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign('sha256', body, privateKey)]);
  const base64 = der(TAG.sequence, body, algorithm, der(TAG.bitString, signature)).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return {
    cert: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** Tag, length and value (X.690). */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  if (value.length < 0x80) return Buffer.concat([Buffer.from([tag, value.length]), value]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(value.length);
  const significant = value.length < 0x100 ? length.subarray(1) : length;
  return Buffer.concat([Buffer.from([tag, 0x80 | significant.length]), significant, value]);
}

function oid(hex: string): Buffer {
  return der(TAG.oid, Buffer.from(hex, 'hex'));
}

function utcTime(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return der(TAG.utcTime, Buffer.from(`${digits}Z`));
}
