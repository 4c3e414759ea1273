import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { startPostgres } from '../helpers/postgres.ts'
import { testAttacks } from './attacks.ts'
import type { Context } from './context.ts'
import { testDatabases } from './databases.ts'
import { testCustomStore, testDeployment, testPlugins, testTesting } from './hosts.ts'
import { Blocks, readPages } from './pages.ts'
import { createProject } from './project.ts'
import { testReadme } from './readme.ts'
import { testProxies, testResolvers } from './resolvers.ts'

// Servers, compilers and test runners are started, one after the other.
t.setTimeout(600_000)

const pages = await readPages()
const project = await createProject()
t.teardown(() => project.remove())
const postgres = await startPostgres()
const db = new pg.Pool({ connectionString: postgres.url })
// The server may stop before the pool has closed its connections.
db.on('error', () => {})
t.teardown(async () => {
  await db.end()
  await postgres.stop()
})

const context: Context = { pages, blocks: new Blocks(pages), project, db, databaseUrl: postgres.url, installs: [] }

t.test('README.md', (t) => testReadme(t, context))
t.test('every server', (t) => testAttacks(t, context))
t.test('docs/resolvers.md', (t) => testResolvers(t, context))
t.test('docs/proxies.md', (t) => testProxies(t, context))
t.test('docs/custom-store.md', (t) => testCustomStore(t, context))
t.test('docs/testing.md', (t) => testTesting(t, context))
t.test('docs/deployment.md', (t) => testDeployment(t, context))
t.test('docs/plugins.md', (t) => testPlugins(t, context))
t.test('docs/databases.md', (t) => testDatabases(t, context))

t.test('each documented install command -> names packages that these tests use', async (t) => {
  const { dependencies } = JSON.parse(await readFile(join(import.meta.dirname, 'package.json'), 'utf8'))
  const known = new Set(['fastify-scim-token', ...Object.keys(dependencies)])
  for (const install of context.installs) {
    t.match(install, /^npm install /)
    t.strictSame(install.trimEnd().split(' ').slice(2).filter((name) => !known.has(name)), [])
  }
})

t.test('each code block -> was compiled, run or compared', async (t) => {
  // test/operations.test.ts runs all blocks of this page.
  context.blocks.leaveOut('docs/operations.md', () => true)
  // A diagram.
  context.blocks.leaveOut('README.md', ({ language }) => language === 'mermaid')
  t.strictSame(context.blocks.unused(), [])
})
