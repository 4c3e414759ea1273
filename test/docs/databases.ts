import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { countCases } from './conformance-cases.ts'
import type { Context } from './context.ts'
import { runTests } from './project.ts'

const page = 'docs/databases.md'

// Prisma downloads a program when it is installed, so a client with its method and its errors runs the statements here.
const prismaClient = `
  import pg from 'pg'
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 1500, query_timeout: 3000 })
  pool.on('error', () => {})
  export const prisma = {
    async $queryRawUnsafe (text, ...values) {
      try {
        return (await pool.query(text, values)).rows
      } catch (error) {
        const meta = error.severity && { driverAdapterError: { cause: { originalCode: error.code } } }
        throw Object.assign(new Error(error.message), { code: 'P2010', meta })
      }
    }
  }`

export async function testDatabases (t: Test, { blocks, project, databaseUrl }: Context): Promise<void> {
  const files = blocks.files(page)
  const otherTest = await readFile(join(import.meta.dirname, '../databases.test.ts'), 'utf8')
  blocks.leaveOut(page, ({ section, language }) => otherTest.includes(`readBlocks('${section}', '${language}')`))

  const { 'server.mjs': _, ...adapters } = blocks.files(page)

  const cases = await readFile(join(import.meta.dirname, 'adapter.test.mjs'), 'utf8')
  const folder = await project.write({ ...files, 'adapter.test.mjs': cases, 'prisma-client.mjs': prismaClient })
  for (const name of Object.keys(adapters)) {
    t.test(`${name} as db of postgresStore -> passes the conformance cases, repeats what was rolled back, and recovers after a network fault`, async (t) => {
      t.strictSame(await runTests(folder, 'adapter.test.mjs', { ADAPTER: name, DATABASE_URL: databaseUrl }), { pass: countCases('failWrites', 'holdWrite') + (name === 'pglite.mjs' ? 1 : 2), fail: 0 })
    })
  }
}
