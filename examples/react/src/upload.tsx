import { useMutation } from '@apollo/client/react';
import { isProblem } from '@taskgraph/client';
import { AttachMediaDocument, UploadMediaDocument } from '@taskgraph/client/operations';
import { useState, type ChangeEvent } from 'react';

/** Uploads a picture, tells how far it is, and attaches it to a task. */
export function Upload({ taskId }: { readonly taskId: string }) {
  const [percent, setPercent] = useState<number | null>(null);
  const [told, setTold] = useState('');
  const [upload] = useMutation(UploadMediaDocument);
  const [attach] = useMutation(AttachMediaDocument);

  async function send({ currentTarget: { files } }: ChangeEvent<HTMLInputElement>) {
    const file = files?.[0];
    if (!file) return;
    setTold('');
    const { data } = await upload({
      variables: { file },
      context: { onUploadProgress: (sent: number, total: number) => setPercent(Math.round((100 * sent) / total)) },
    });
    const result = data?.uploadMedia;
    if (isProblem(result)) return setTold(result.message);
    if (result?.__typename !== 'UploadMediaSuccess') return;
    await attach({ variables: { input: { taskId, mediaIds: [result.media.id] } } });
    setTold(`${result.media.filename} is attached.`);
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
