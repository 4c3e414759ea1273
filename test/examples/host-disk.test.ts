import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { runFailingHost, startHostProcess } from '../helpers/host-process.ts'
import { generatePath } from '../helpers/host.ts'

/** Runs a command with a disk of its own in the folder, which no other process sees. Without root it needs a user namespace. */
function onDisk (folder: string, size: string) {
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  return (command: string): [string, ...string[]] => ['unshare', ...asRoot, '--mount', 'sh', '-c', `mount -t tmpfs -o size=${size} disk ${folder} && ${command}`]
}

const admin = { authorization: '*:*.example-admin' }

t.test('the disk of DATA_DIR is full -> 5xx and unhealthy; with space again it works, and nothing confirmed is lost; full, it stops on SIGTERM', async (t) => {
  const folder = t.testdir({})
  const host = await startHostProcess(t, { DATA_DIR: join(folder, 'data') }, onDisk(folder, '120m'))
  const filler = `/proc/${host.pid}/root${folder}/filler`
  const fill = async () => { await writeFile(filler, Buffer.alloc(200 * 1024 * 1024)).catch(() => {}) }
  const generate = async () => await fetch(host.url + generatePath, { method: 'POST', headers: admin })
  const scimStatus = async (token: string) => (await fetch(`${host.url}/scim/Users`, { headers: { authorization: `Bearer ${token}` } })).status

  const { token } = Object(await (await generate()).json())
  await fill()
  t.equal((await generate()).status, 503)
  t.equal(await scimStatus(token), 503)
  t.equal((await fetch(`${host.url}/health`)).status, 500)
  t.match(host.output(), /The disk of DATA_DIR \(.*\) has less than 32 MB left/)

  await rm(filler)
  t.equal((await fetch(`${host.url}/health`)).status, 200)
  t.equal(await scimStatus(token), 200, 'the token that was confirmed before')
  t.equal((await generate()).status, 200)

  await fill()
  host.kill('SIGTERM')
  t.equal(await host.exit, 0)
})

t.test('the disk of DATA_DIR is too small for a new database -> one sentence', async (t) => {
  const folder = t.testdir({})
  const { code, output } = await runFailingHost(t, { DATA_DIR: join(folder, 'data') }, onDisk(folder, '60m'))
  t.equal(code, 1)
  t.match(output, /^The disk of DATA_DIR \(.*\) has less than 96 MB left/)
})

t.test('an empty host.pid, as a full disk leaves it -> the host starts', async (t) => {
  const folder = t.testdir({ 'host.pid': '' })
  const host = await startHostProcess(t, { DATA_DIR: folder })
  host.kill('SIGTERM')
  t.equal(await host.exit, 0)
})

t.test('a foreign or broken data folder -> one sentence that names it', async (t) => {
  const foreign = t.testdir({ database: { PG_VERSION: '9.1\n', 'postgresql.conf': 'this = is not' } })
  const { code, output } = await runFailingHost(t, { DATA_DIR: foreign })
  t.equal(code, 1)
  t.match(output, `The data in ${join(foreign, 'database')} cannot be opened: `)

  const broken = join(t.testdirName, 'broken')
  await mkdir(broken, { recursive: true })
  const first = await startHostProcess(t, { DATA_DIR: broken })
  first.kill('SIGTERM')
  await first.exit
  await writeFile(join(broken, 'database/global/pg_control'), 'broken')
  t.match((await runFailingHost(t, { DATA_DIR: broken })).output, `The data in ${join(broken, 'database')} cannot be opened: `)
})
