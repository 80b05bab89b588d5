import type { FileUpload } from 'graphql-upload-minimal';

/** The value of the `Upload` scalar: settles when the file's part of the request arrives. */
export type UploadValue = Promise<FileUpload>;
