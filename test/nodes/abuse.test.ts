import type { Socket } from 'node:net'
import t from 'tap'
import { generateToken } from '../../lib/token.ts'
import { exchange, openSocket, readAll, statusCodes } from '../helpers/raw-http.ts'
import { createClient } from './client.ts'
import { startCluster } from './cluster.ts'
import { scanLogs } from './logs.ts'
import { startRecorder } from './recorder.ts'
import { until } from './until.ts'

t.setTimeout(120_000)

const logFolder = t.testdir()
const recorder = startRecorder()
const client = createClient(recorder)
const { database, nodes, stopNodes, remove } = await startCluster({ size: 1, logFolder, recorder })
t.teardown(remove)
const node = nodes[0]!
let token = (await client.generate(node))!

const settingsPath = '/api/admin/scim-settings'
const generatePath = `${settingsPath}/generate-new-token`

function request (line: string, ...headers: string[]): string {
  return [`${line} HTTP/1.1`, 'Host: host', ...headers, '', ''].join('\r\n')
}

async function storedTokens (): Promise<number> {
  return await database.connected(async (sql) => (await sql.query('select from scim_token_audit')).rows.length)
}

/** Sends requests with the valid token, and returns how many were accepted. */
async function accepted (times: number): Promise<number> {
  let count = 0
  for (let i = 0; i < times; i++) {
    if (await client.verify(node, token) === 'accepted') count++
  }
  return count
}

t.test('1,000 connections send their headers slowly -> valid tokens are accepted meanwhile, the slow requests get 408', async (t) => {
  const slow = await Promise.all(Array.from({ length: 1000 }, () => openSocket(node.address)))
  const received = slow.map(readAll)
  for (const socket of slow) socket.write('GET /scim/v2/Users HTTP/1.1\r\nHost: host\r\nX-Slow: ')
  const drip = setInterval(() => { for (const socket of slow) if (!socket.destroyed) socket.write('a') }, 500)

  t.equal(await accepted(100), 100)
  t.type(token = (await client.generate(node))!, 'string')
  const slowStatuses = (await Promise.all(received)).flatMap(statusCodes)
  clearInterval(drip)
  t.strictSame(new Set(slowStatuses), new Set([408]))
})

t.test('a body that never arrives -> nothing is changed by a settings change, a token at once for a generate, 401 at once without credentials', async (t) => {
  const before = await storedTokens()
  const post = (path: string, ...headers: string[]) =>
    exchange(node.address, request(`POST ${path}`, 'Connection: close', 'Content-Type: application/json', 'Content-Length: 100', ...headers) + 'a')
  const received = await Promise.all([
    post(settingsPath, 'Authorization: admin'),
    post(generatePath, 'Authorization: admin'),
    post(settingsPath),
    post(generatePath)
  ])
  t.strictSame(received.map(statusCodes), [[408], [200], [401], [401]])
  t.equal(await storedTokens(), before + 1)
  token = /"token":"(\w+)"/.exec(received[1])![1]!
})

t.test('headers, URLs and bodies that are too large -> 431 or 413, and nothing is stored', async (t) => {
  const before = await storedTokens()
  const large = 'a'.repeat(20_000)
  const cases = [
    { bytes: request('GET /scim/v2/Users', `Authorization: Bearer ${large}`), status: 431 },
    { bytes: request(`GET /${large}`), status: 431 },
    { bytes: request(`POST ${generatePath}`, 'Authorization: admin', 'Connection: close', 'Content-Length: 2000') + large.slice(0, 2000), status: 413 },
    { bytes: request(`POST ${settingsPath}`, 'Authorization: admin', 'Connection: close', 'Content-Type: application/json', 'Transfer-Encoding: chunked') + `4e20\r\n${large}\r\n0\r\n\r\n`, status: 413 },
    { bytes: request(`POST ${generatePath}`, 'Connection: close', 'Content-Length: 20000') + large, status: 401 }
  ]
  const received = await Promise.all(cases.map(({ bytes }) => exchange(node.address, bytes)))
  t.strictSame(received.map(statusCodes), cases.map(({ status }) => [status]))
  t.equal(await storedTokens(), before)
})

t.test('20 pipelined generates -> 20 tokens, of which one is valid', async (t) => {
  const requests = Array.from({ length: 20 }, (_, i) => request(`POST ${generatePath}`, 'Authorization: admin', 'Content-Length: 0', ...(i === 19 ? ['Connection: close'] : [])))
  const received = await exchange(node.address, requests.join(''))
  const tokens = [...received.matchAll(/"token":"(\w+)"/g)].map(([, token]) => token!)
  t.equal(new Set(tokens).size, 20)

  const outcomes = await Promise.all(tokens.map((token) => client.verify(node, token)))
  t.strictSame(outcomes.filter((outcome) => outcome === 'accepted').length, 1)
})

t.test('clients that reset, close or half-close the connection -> valid tokens are accepted afterwards', async (t) => {
  const leave = [(socket: Socket) => socket.resetAndDestroy(), (socket: Socket) => socket.destroy(), (socket: Socket) => socket.end()]
  await Promise.all(Array.from({ length: 60 }, async (_, i) => {
    const socket = await openSocket(node.address)
    const gone = readAll(socket)
    socket.write(request(`POST ${generatePath}`, 'Authorization: admin', 'Content-Length: 0'))
    leave[i % leave.length]!(socket)
    await gone
  }))
  // Their generates may still be in progress, until one of ours is the only one that is stored.
  await until('no other generate is in progress', async () => {
    const before = await storedTokens()
    token = (await client.generate(node))!
    return await storedTokens() === before + 1
  })
  t.equal(await accepted(10), 10)
})

t.test('a request with ambiguous framing -> 400 or the end of the connection, and the request hidden in it is not run', async (t) => {
  const hidden = request(`POST ${generatePath}`, 'Authorization: admin', 'Content-Length: 0')
  const chunked = (size = hidden.length.toString(16)) => `${size}\r\n${hidden}\r\n0\r\n\r\n`
  const post = (...headers: string[]) => request(`POST ${generatePath}`, `Authorization: Bearer ${token}`, ...headers)
  const shapes = {
    'Content-Length and Transfer-Encoding': post('Content-Length: 0', 'Transfer-Encoding: chunked') + chunked(),
    'Transfer-Encoding and Content-Length': post('Transfer-Encoding: chunked', 'Content-Length: 5') + '0\r\n\r\n' + hidden,
    'two lengths': post('Content-Length: 0', `Content-Length: ${hidden.length}`) + hidden,
    'a list of lengths': post(`Content-Length: 0, ${hidden.length}`) + hidden,
    'a signed length': post('Content-Length: +0') + hidden,
    'a negative length': post('Content-Length: -1') + hidden,
    'a hexadecimal length': post('Content-Length: 0x0') + hidden,
    'chunked not last': post('Transfer-Encoding: chunked, identity') + chunked(),
    'an unknown coding': post('Transfer-Encoding: xchunked') + chunked(),
    'a space before the colon': post('Transfer-Encoding : chunked') + chunked(),
    'a folded header': post('Transfer-Encoding:', ' chunked', 'Content-Length: 0') + chunked(),
    'a bare LF after a header': post('X: a\nTransfer-Encoding: chunked') + chunked(),
    'a bare CR in a header': post('X: a\rTransfer-Encoding: chunked', 'Content-Length: 0') + hidden,
    'a NUL in a header': post('X: a\0b', 'Content-Length: 0') + hidden,
    'a bare CR after a chunk size': post('Transfer-Encoding: chunked') + `0\r\r\n${hidden}`,
    'a chunk size that is not a number': post('Transfer-Encoding: chunked') + chunked('0x10'),
    'a chunk size over 2^64': post('Transfer-Encoding: chunked') + chunked('fffffffffffffffff'),
    'a chunk longer than its size': post('Transfer-Encoding: chunked') + chunked('1'),
    'no version': `POST ${generatePath}\r\n\r\n${hidden}`
  }
  const before = await storedTokens()
  const received = await Promise.all(Object.values(shapes).map((bytes) => exchange(node.address, bytes)))
  // An invalid body is found after the request has been rejected for a missing permission, if it is read at all.
  const isRejected = (response: string) => statusCodes(response).at(-1) === 400 || (statusCodes(response).join() === '403' && /^connection: close/im.test(response))
  t.strictSame(Object.keys(shapes).filter((_name, i) => !isRejected(received[i]!)), [])
  t.equal(await storedTokens(), before)
  t.equal(await accepted(1), 1)
})

t.test('1,000 requests with invalid tokens -> valid tokens are accepted meanwhile', async (t) => {
  const flood = Promise.all(Array.from({ length: 20 }, async (_, i) => {
    for (let j = 0; j < 50; j++) await client.verify(node, i % 2 === 0 ? generateToken() : 'scim_wrong')
  }))
  t.equal(await accepted(100), 100)
  await flood
})

t.test('SIGTERM after the abuse -> the host exits with 0, its log has no secret and no crash', async (t) => {
  await stopNodes()
  t.strictSame(recorder.problems, [])
  t.strictSame(await scanLogs(logFolder), [])
})
