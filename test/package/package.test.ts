import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { findBrokenLinks } from './links.ts'

const root = join(import.meta.dirname, '../..')
const tokenResponse = /^200 \{"token":"scim_[0-9A-Za-z]{49}"\}\n$/

// A folder outside this checkout, so that none of its modules can be resolved.
const folder = await realpath(await mkdtemp(join(tmpdir(), 'scim-token-package-')))
t.teardown(() => rm(folder, { recursive: true }))

const [packed] = JSON.parse(await run(root, 'npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]))
const tarball = join(folder, packed.filename)
await run(folder, 'tar', ['-xzf', tarball])

t.test('npm pack -> the built lib/, its documents and nothing else', async (t) => {
  const sources = await readdir(join(root, 'lib'), { recursive: true })
  const built = sources.filter((name) => name.endsWith('.ts')).map((name) => `dist/${name.slice(0, -'.ts'.length)}`)
  const documents = (await readdir(join(root, 'docs'), { recursive: true })).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)
  t.strictSame(
    packed.files.map(({ path }: { path: string }) => path).sort(),
    ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json', ...documents, ...built.flatMap((name) => [`${name}.js`, `${name}.d.ts`])].sort()
  )
})

t.test('each relative link in the documents of the package -> leads to a file in it, and to a heading', async (t) => {
  t.strictSame(await findBrokenLinks(join(folder, 'package')), [])
})

t.test('publint and attw (ES modules only) -> no problems', async (t) => {
  await t.resolves(run(root, 'npx', ['publint', 'run', tarball, '--strict']))
  await t.resolves(run(root, 'npx', ['attw', tarball, '--profile', 'esm-only']))
})

t.test('installed in a new project', async (t) => {
  await cp(join(import.meta.dirname, 'apps'), folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "private": true }')
  // With linked installs a package can only resolve its declared dependencies.
  await run(folder, 'npm', [
    'install', '--prefer-offline', '--no-audit', '--no-fund', '--install-strategy=linked',
    tarball, 'fastify@5', '@fastify/autoload@6', 'typescript@5.9', '@types/node@20'
  ])

  t.test('loaded by import -> generates a token', async (t) => {
    t.match(await run(folder, process.execPath, ['import.mjs']), tokenResponse)
  })

  t.test('loaded by require -> generates a token', async (t) => {
    t.match(await run(folder, process.execPath, ['require.cjs']), tokenResponse)
  })

  t.test('loaded by @fastify/autoload -> generates a token', async (t) => {
    t.match(await run(folder, process.execPath, ['autoload.mjs']), tokenResponse)
  })

  for (const moduleResolution of ['nodenext', 'bundler']) {
    t.test(`compiled under ${moduleResolution} with declarations checked -> generates a token`, async (t) => {
      await run(folder, 'npx', ['tsc', '-p', `tsconfig.${moduleResolution}.json`])
      t.match(await run(folder, process.execPath, [`${moduleResolution}/typed.mjs`]), tokenResponse)
    })
  }
})

/** Returns what a program prints. Rejects if the program fails. */
async function run (cwd: string, program: string, args: string[]): Promise<string> {
  const { NODE_OPTIONS: _, ...env } = process.env
  try {
    return (await promisify(execFile)(program, args, { cwd, env })).stdout
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')} failed`, { cause: error })
  }
}
