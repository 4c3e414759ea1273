import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { openDatabase } from '../../examples/host/database.ts'
import { hashToken } from '../../lib/token.ts'
import { generatePath } from '../helpers/host.ts'
import { runFailingHost, startHostProcess } from '../helpers/host-process.ts'
import { secrets } from '../helpers/log.ts'

const admin = { authorization: '*:*.example-admin' }
const viewer = { authorization: 'Bearer *:*.example-viewer' }

const folder = await mkdtemp(join(tmpdir(), 'scim-token-host-'))
t.teardown(() => rm(folder, { recursive: true }))
const dataDir = join(folder, 'data')
const tokens: string[] = []

t.test('the curl command that a new host prints -> a token', async (t) => {
  const host = await startHostProcess(t, { DATA_DIR: dataDir })
  t.equal((await fetch(`${host.url}/health`)).status, 200, 'it is ready')

  const [command] = /curl .+/.exec(host.output()) ?? []
  for (let i = 0; i < 2; i++) {
    const { stdout } = await promisify(execFile)('sh', ['-c', `${command} -s`])
    t.match(stdout, /^{"token":"scim_[0-9A-Za-z]{49}"}$/)
    tokens.push(JSON.parse(stdout).token)
  }
  t.not(tokens[0], tokens[1], 'each call generates another token')

  const generate = (headers: Record<string, string>) => fetch(host.url + generatePath, { method: 'POST', headers })
  t.equal((await generate(viewer)).status, 403, 'a viewer')
  t.equal((await generate({})).status, 401, 'unauthenticated')

  for (const page of ['/docs/json', '/docs/', '/docs/static/swagger-ui-bundle.js', '/docs/static/swagger-ui.css']) {
    t.equal((await fetch(host.url + page)).status, 200, page)
  }

  const second = await runFailingHost(t, { DATA_DIR: dataDir })
  t.equal(second.code, 1, 'a second host cannot use the same data')
  t.equal(second.output, `Process ${host.pid} uses the data in ${dataDir}: stop it, set DATA_DIR to another folder, or remove ${dataDir}/host.pid if that process is not a host.`)

  // The terminal sends Ctrl-C to npm as well, and npm passes it on.
  host.kill('SIGINT')
  host.kill('SIGINT')
  t.equal(await host.exit, 0, 'Ctrl-C stops it cleanly')
  t.notMatch(host.output(), secrets)
})

t.test('after two tokens -> the database has the hash of the last one and two audit rows, and no token', async (t) => {
  const db = await openDatabase({ dataDir })
  const hashes = tokens.map(hashToken)
  const { rows: settings } = await db.query('select tenant, enabled, token_hash, token_created_by from scim_settings')
  t.strictSame(settings, [{ tenant: 'default', enabled: true, token_hash: hashes[1], token_created_by: 'admin' }])
  const { rows: audit } = await db.query('select token_hash, created_by from scim_token_audit order by id')
  t.strictSame(audit, hashes.map((hash) => ({ token_hash: hash, created_by: 'admin' })))

  const { rows: [dump] } = await db.query<{ xml: string }>("select schema_to_xml('public', true, false, '')::text as xml")
  t.match(dump?.xml, hashes[1], 'the dump holds all tables')
  t.notMatch(dump?.xml, /scim_[0-9A-Za-z]{49}/)
  await db.close()
})

t.test('the host is started again -> its settings and its last token are still valid', async (t) => {
  const host = await startHostProcess(t, { DATA_DIR: dataDir })
  const settings = await fetch(`${host.url}/api/admin/scim-settings`, { headers: admin })
  t.strictSame(await settings.json(), { enabled: true, hasToken: true })

  const statuses = tokens.map(async (token) =>
    (await fetch(`${host.url}/scim/Users`, { headers: { authorization: `Bearer ${token}` } })).status)
  t.strictSame(await Promise.all(statuses), [401, 200])

  host.kill('SIGKILL')
  t.equal(await host.exit, 'SIGKILL')
})

t.test('the host was killed -> its data folder can be opened again', async (t) => {
  const db = await openDatabase({ dataDir })
  const { rows } = await db.query('select token_hash from scim_settings')
  t.strictSame(rows, [{ token_hash: hashToken(String(tokens[1])) }])
  await db.close()
})
