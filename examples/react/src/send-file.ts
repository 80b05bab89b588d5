import { isProblem, uploadResumably, type OnProgress } from '@taskgraph/client';
import { CompleteUploadDocument, CreateUploadDocument, UploadMediaDocument } from '@taskgraph/client/operations';
import { apollo } from './client.js';

/** Bytes. Larger files go in parts: where the connection is lost, what has arrived is not sent again. */
const LARGE = 5_000_000;

/**
 * Uploads a file; answers its id.
 *
 * @throws what went wrong, in words for whoever chose the file
 */
export function sendFile(file: File, onProgress: OnProgress): Promise<string> {
  return file.size > LARGE ? sendInParts(file, onProgress) : sendAtOnce(file, onProgress);
}

async function sendAtOnce(file: File, onUploadProgress: OnProgress): Promise<string> {
  const { data } = await apollo.mutate({
    mutation: UploadMediaDocument,
    variables: { file },
    context: { onUploadProgress },
  });
  return mediaIn(data?.uploadMedia);
}

function sendInParts(file: File, onProgress: OnProgress): Promise<string> {
  return uploadResumably(file, {
    onProgress,
    async create() {
      const input = { filename: file.name, byteSize: file.size };
      const { data } = await apollo.mutate({ mutation: CreateUploadDocument, variables: { input } });
      if (data?.createUpload?.__typename === 'CreateUploadSuccess') return data.createUpload.upload;
      throw new Error(isProblem(data?.createUpload) ? data.createUpload.message : 'There is no answer.');
    },
    async complete(id) {
      const { data } = await apollo.mutate({ mutation: CompleteUploadDocument, variables: { id } });
      return mediaIn(data?.completeUpload);
    },
  });
}

type Uploaded =
  | { readonly __typename?: string; readonly media?: { readonly id: string }; readonly message?: string }
  | null
  | undefined;

function mediaIn(result: Uploaded): string {
  if (result?.media) return result.media.id;
  throw new Error(result?.message ?? 'The file was not taken.');
}
