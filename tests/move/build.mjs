// Compile or test a Move package with framework sources from a folder beside this file.
//
//   node build.mjs build PACKAGE             modules (base64), dependencies, digest, warnings
//   node build.mjs test  PACKAGE [EXTRA...]  runs the unit tests; EXTRA: more .move test files or folders
//
// One JSON object goes to standard output; the exit status is 1 when compiling or a test fails.
// One process a run: a panic poisons the compiler's WASM instance.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  dumpMovePackage,
  initMovePackageBuilder,
  testMovePackage,
} from '@zktx.io/sui-move-builder/full';

const framework = path.join(path.dirname(fileURLToPath(import.meta.url)), 'framework');

function readMove(folder, wanted) {
  const files = {};
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    const name = path.relative(folder, file).split(path.sep).join('/');
    if (wanted.test(name)) files[name] = fs.readFileSync(file, 'utf8');
  }
  return files;
}

// The builder asks for the framework by the git address of its sources; it gets ours instead.
const fetcher = {
  async fetch(_git, _revision, subdir) {
    return readMove(path.join(framework, path.basename(subdir)), /^(Move\.toml|sources\/.*\.move)$/);
  },
  async fetchFile(_git, _revision, file) {
    const local = path.join(framework, file.replace('crates/sui-framework/packages/', ''));
    return fs.existsSync(local) ? fs.readFileSync(local, 'utf8') : null;
  },
  getResolvedSha(_git, revision) {
    return revision;
  },
};

const [command, folder, ...extras] = process.argv.slice(2);
await initMovePackageBuilder();

let answer;
if (command === 'build') {
  const files = readMove(folder, /^(Move\.toml|sources\/.*\.move)$/);
  const built = await dumpMovePackage({ files, fetcher, lintFlag: 'all' });
  answer = built.error
    ? { error: built.error }
    : {
        modules: built.modules,
        dependencies: built.dependencies,
        digest: Buffer.from(built.digest).toString('hex'),
        warnings: built.warnings ?? '',
      };
} else if (command === 'test') {
  const files = readMove(folder, /^(Move\.toml|(sources|tests)\/.*\.move)$/);
  for (const extra of extras) {
    const found = fs.statSync(extra).isDirectory()
      ? readMove(extra, /\.move$/)
      : { [path.basename(extra)]: fs.readFileSync(extra, 'utf8') };
    for (const [name, text] of Object.entries(found)) files[`tests/extra/${name}`] = text;
  }
  const run = await testMovePackage({ files, fetcher, lintFlag: 'all' });
  answer = { passed: run.passed === true, output: run.output ?? '', error: run.error ?? '' };
} else {
  throw new Error('usage: node build.mjs build|test PACKAGE [EXTRA...]');
}
process.stdout.write(`${JSON.stringify(answer)}\n`);
process.exitCode = answer.error || answer.passed === false ? 1 : 0;
