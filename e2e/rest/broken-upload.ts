import { randomBytes } from 'node:crypto';
import { request } from 'node:http';

const MIB = 1024 * 1024;

/** Begins an upload by the REST façade, and breaks it off when `isUnderWay`. */
export async function breakOffUpload(
  origin: string,
  token: string,
  picture: Buffer,
  isUnderWay: () => Promise<boolean>,
): Promise<void> {
  const boundary = randomBytes(8).toString('hex');
  const upload = request(`${origin}/api/media/upload`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, authorization: `Bearer ${token}` },
  });
  const ended = new Promise((resolve) => upload.on('error', resolve));
  upload.write(`--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="half.png"\r\n\r\n`);
  upload.write(Buffer.concat([picture, randomBytes(2 * MIB)]));
  while (!(await isUnderWay()));
  upload.destroy(new Error('broken off'));
  await ended;
}
