// Compile or test a Move package with framework sources from a folder beside this file.
//
//   node build.mjs build PACKAGE [EXTRA...]  modules (base64), dependencies, digest, warnings
//   node build.mjs write PACKAGE             the same into PACKAGE/bytecode/package.json
//   node build.mjs test  PACKAGE [EXTRA...]  runs the unit tests
//
// EXTRA: more .move files, or folders of them, compiled into the package.
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

function addExtras(files, place) {
  for (const extra of extras) {
    const found = fs.statSync(extra).isDirectory()
      ? readMove(extra, /\.move$/)
      : { [path.basename(extra)]: fs.readFileSync(extra, 'utf8') };
    for (const [name, text] of Object.entries(found)) files[`${place}/extra/${name}`] = text;
  }
  return files;
}

let answer;
if (command === 'build' || command === 'write') {
  const files = addExtras(readMove(folder, /^(Move\.toml|sources\/.*\.move)$/), 'sources');
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
  const files = addExtras(readMove(folder, /^(Move\.toml|(sources|tests)\/.*\.move)$/), 'tests');
  const run = await testMovePackage({ files, fetcher, lintFlag: 'all' });
  answer = { passed: run.passed === true, output: run.output ?? '', error: run.error ?? '' };
} else {
  throw new Error('usage: node build.mjs build|write|test PACKAGE [EXTRA...]');
}
if (command === 'write' && !answer.error) {
  const { modules, dependencies, digest } = answer;
  const target = path.join(folder, 'bytecode', 'package.json');
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, `${JSON.stringify({ modules, dependencies, digest }, null, 2)}\n`);
}
process.stdout.write(`${JSON.stringify(answer)}\n`);
process.exitCode = answer.error || answer.passed === false ? 1 : 0;
