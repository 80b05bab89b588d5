import { useMutation } from '@apollo/client/react';
import { isProblem } from '@taskgraph/client';
import { AttachMediaDocument } from '@taskgraph/client/operations';
import { useState, type ChangeEvent } from 'react';
import { sendFile } from './send-file.js';

/** Uploads a picture, tells how far it is, and attaches it to a task. */
export function Upload({ taskId }: { readonly taskId: string }) {
  const [percent, setPercent] = useState<number | null>(null);
  const [told, setTold] = useState('');
  const [attach] = useMutation(AttachMediaDocument);

  async function send({ currentTarget: { files } }: ChangeEvent<HTMLInputElement>) {
    const file = files?.[0];
    if (!file) return;
    setTold('');
    setPercent(null);
    const id = await sendFile(file, (sent, total) => setPercent(Math.round((100 * sent) / total)));
    const { data } = await attach({ variables: { input: { taskId, mediaIds: [id] } } });
    const result = data?.attachMedia;
    setTold(isProblem(result) ? result.message : `${file.name} is attached.`);
  }

  return (
    <div>
      <label>
        Picture{' '}
        <input
          type="file"
          accept="image/*"
          onChange={(event) => void send(event).catch((e: Error) => setTold(e.message))}
        />
      </label>
      {percent !== null && <progress aria-label="Upload" max={100} value={percent} />}
      <p role="status">{told}</p>
    </div>
  );
}
