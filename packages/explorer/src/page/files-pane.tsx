import { useGraphiQL, type GraphiQLPlugin } from '@graphiql/react';
import { uploadVariables, useFiles } from './chosen-files.js';

function FilesPane() {
  const { documentAST, operationName } = useGraphiQL(({ documentAST, operationName }) => ({
    documentAST,
    operationName,
  }));
  const chosen = useFiles((state) => state.chosen);
  const variables = documentAST ? uploadVariables(documentAST, operationName) : [];
  return (
    <section className="pane" aria-label="Files">
      <h2>Files</h2>
      {variables.length === 0 && <p>The operation has no variable of the type Upload, such as UploadMedia has.</p>}
      {variables.map(({ name, isList }) => (
        <p key={name}>
          <label htmlFor={`file-${name}`}>${name}</label>
          <input
            id={`file-${name}`}
            type="file"
            multiple={isList}
            onChange={({ target }) =>
              useFiles.setState({ chosen: { ...useFiles.getState().chosen, [name]: [...(target.files ?? [])] } })
            }
          />
          <output>{(chosen[name] ?? []).map((file) => `${file.name}, ${file.size} bytes`).join('; ')}</output>
        </p>
      ))}
    </section>
  );
}

function FilesIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M12 16V4m0 0L7 9m5-5 5 5M4 16v4h16v-4" />
    </svg>
  );
}

export const FILES_PANE: GraphiQLPlugin = { title: 'Files to upload', icon: FilesIcon, content: FilesPane };
