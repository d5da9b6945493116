// Holds workflows to the inputs, outputs and contexts that they use, as GitHub's own support for editors does.
//
// Standard input: {"documents": {name: text}, "files": {path: text}, "repository": "owner/name"}. The files are the
// repository's action.yml files and reusable workflows; of other repositories nothing is known.
// Standard output: a line of `name:line: message` for each problem.
import { validate } from "@actions/languageservice";
import { text } from "node:stream/consumers";
import { TextDocument } from "vscode-languageserver-textdocument";
import { parse } from "yaml";

const { documents, files, repository } = JSON.parse(await text(process.stdin));

const config = {
  actionsMetadataProvider: {
    fetchActionMetadata: async ({ owner, name, path }) => {
      if (`${owner}/${name}` !== repository) return { name: "another's", description: "" };
      const metadata = files[path ? `${path}/action.yml` : "action.yml"];
      return metadata === undefined ? undefined : parse(metadata);
    },
  },
  fileProvider: {
    getFileContent: async ({ owner, repository: name, path }) => {
      // One of the same repository, as `./` and `$/` name it, has no owner.
      const content = owner === undefined || `${owner}/${name}` === repository ? files[path] : undefined;
      if (content === undefined) throw new Error(`there is no ${path}`);
      return { name: path, content };
    },
  },
};

for (const [name, content] of Object.entries(documents)) {
  const document = TextDocument.create(`file:///${name}`, "yaml", 0, content);
  for (const { message, range } of await validate(document, config)) {
    process.stdout.write(`${name}:${range.start.line + 1}: ${message}\n`);
  }
}
