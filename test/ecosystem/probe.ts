import type { OutgoingHttpHeaders } from 'node:http'
import type { Test } from 'tap'
import { generatePath } from '../helpers/host.ts'
import { scimPath } from '../helpers/scim-host.ts'
import { wrongToken } from '../helpers/tokens.ts'
import { uuid } from '../helpers/uuid.ts'
import type { ClientRequest, ClientResponse } from './client.ts'
import { settingsPath, type Host, type RunningHost } from './start-host.ts'

const json = 'application/json; charset=utf-8'
const scim = 'application/scim+json; charset=utf-8'
const challenge = 'Bearer realm="SCIM"'
const multipart = 'multipart/form-data; boundary=-'
const multipartBody = '---\r\ncontent-disposition: form-data; name="a"\r\n\r\nb\r\n-----\r\n'
const tokenFormat = /^scim_[0-9A-Za-z]{49}$/

const contractHeaders = ['content-type', 'cache-control', 'www-authenticate', 'retry-after']

/** Sends the requests of the wire contract to a host and checks every response. */
export async function probe (t: Test, host: Host, { origin, send, log, credentials }: RunningHost): Promise<void> {
  const unwrap = host.unwrap ?? String
  const unwrapScim = host.unwrapScim ?? String
  const adminUi = {
    ...credentials.admin,
    accept: 'application/json',
    origin,
    referer: `${origin}/admin/scim`,
    'sec-fetch-dest': 'empty',
    'sec-fetch-mode': 'cors',
    'sec-fetch-site': 'same-origin'
  }
  const jsonType = { 'content-type': 'application/json' }

  t.comment('before there are SCIM settings')
  await generate('admin', credentials.admin, error(404, 'NotFoundError', /SCIM settings/))
  await getSettings('admin UI', adminUi, { enabled: false, hasToken: false })

  t.comment('the admin UI enables SCIM and generates a token')
  await setSettings('admin UI', { ...adminUi, ...jsonType }, '{"enabled":true}', { status: 200, headers: {}, body: '' })
  const first = await generateToken('admin UI', { ...adminUi, ...jsonType, 'content-length': 0 })
  await getSettings('admin UI', adminUi, { enabled: true, hasToken: true })
  await scimRequest('first token', bearer(first), users)

  t.comment('other clients generate a token')
  await generateToken('no body', credentials.admin)
  await generateToken('{}', { ...credentials.admin, ...jsonType }, '{}')
  await generateToken('a form', { ...credentials.admin, 'content-type': 'application/x-www-form-urlencoded' }, 'a=b')
  await generateToken('a multipart form', { ...credentials.admin, 'content-type': multipart }, multipartBody)
  const token = await generateToken('a browser that sends no Sec-Fetch-Site', { ...credentials.admin, origin })

  t.comment('errors of the admin routes')
  const forbidden = error(403, 'NoAccessError', String)
  const unauthenticated = error(401, 'AuthenticationRequired', /\/auth\/simple\/login/, { 'www-authenticate': 'Bearer' })
  const tooLarge = 'x'.repeat(2000)
  await generate('no credentials', {}, unauthenticated)
  await generate('no credentials, a body over 1 KiB', jsonType, unauthenticated, tooLarge)
  await generate('wrong credentials', { authorization: 'wrong' }, unauthenticated)
  await generate('the SCIM token', bearer(token), unauthenticated)
  await generate('viewer', credentials.viewer, error(403, 'NoAccessError', /ADMIN, UPDATE_AUTH_CONFIGURATION/))
  await generate('a page on another site', { ...adminUi, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, forbidden)
  await generate('a page on another origin in a browser that sends no Sec-Fetch-Site', { ...credentials.admin, origin: 'https://evil.example' }, forbidden)
  await generate('a body over 1 KiB', { ...credentials.admin, ...jsonType, 'content-length': tooLarge.length }, error(413, 'PayloadTooLargeError', String), tooLarge)
  await check('settings: no credentials', { path: settingsPath }, unauthenticated, unwrap)
  await setSettings('viewer', { ...credentials.viewer, ...jsonType }, '{"enabled":false}', forbidden)
  await setSettings('a number for a boolean', { ...credentials.admin, ...jsonType }, '{"enabled":1}', error(400, 'ValidationError', String))
  await setSettings('malformed JSON', { ...credentials.admin, ...jsonType }, '{"enabled":', error(400, 'ValidationError', String))
  await setSettings('a form', { ...credentials.admin, 'content-type': 'application/x-www-form-urlencoded' }, 'enabled=true', error(415, 'ContentTypeError', String))
  await setSettings('a multipart form', { ...credentials.admin, 'content-type': multipart }, multipartBody, error(415, 'ContentTypeError', String))

  t.comment('SCIM requests')
  await scimRequest('valid token', bearer(token), users)
  await scimRequest('no token', {}, scimError(401, challenge))
  await scimRequest('replaced token', bearer(first), scimError(401, `${challenge}, error="invalid_token"`))
  await scimRequest('wrong token', bearer(wrongToken(token, 20)), scimError(401, `${challenge}, error="invalid_token"`))
  await setSettings('disable SCIM', { ...adminUi, ...jsonType }, '{"enabled":false}', { status: 200, headers: {}, body: '' })
  await scimRequest('SCIM is disabled', bearer(token), scimError(401, `${challenge}, error="invalid_token"`))
  await setSettings('enable SCIM', { ...adminUi, ...jsonType }, '{"enabled":true}', { status: 200, headers: {}, body: '' })
  await scimRequest('SCIM is enabled again', bearer(token), users)
  t.strictSame(log.filter(({ level }) => level >= 50), [], 'no error is logged for these requests')

  t.comment('the store is down')
  await generate('admin', { ...credentials.admin, 'x-store': 'down' }, error(503, 'ServiceUnavailableError', String))
  await scimRequest('valid token', { ...bearer(token), 'x-store': 'down' }, scimError(503))
  await scimRequest('valid token after that', bearer(token), users)

  async function generateToken (who: string, headers: OutgoingHttpHeaders, body?: string): Promise<string> {
    const expected = { status: 200, headers: { 'content-type': json, 'cache-control': 'no-store' }, body: { token: tokenFormat } }
    return (await generate(who, headers, expected, body) as { token: string }).token
  }

  function generate (who: string, headers: OutgoingHttpHeaders, expected: Expected, body?: string) {
    return check(`generate: ${who}`, { method: 'POST', path: generatePath, headers, ...(body !== undefined && { body }) }, expected, unwrap)
  }

  function getSettings (who: string, headers: OutgoingHttpHeaders, body: object) {
    return check(`settings: ${who}`, { path: settingsPath, headers }, { status: 200, headers: { 'content-type': json, 'cache-control': 'no-store' }, body }, unwrap)
  }

  function setSettings (who: string, headers: OutgoingHttpHeaders, body: string, expected: Expected) {
    return check(`change the settings: ${who}`, { method: 'POST', path: settingsPath, headers, body }, expected, unwrap)
  }

  async function scimRequest (who: string, headers: OutgoingHttpHeaders, expected: Expected) {
    compare(t, `SCIM: ${who}`, await send({ path: scimPath, headers }), expected, unwrapScim)
  }

  async function check (what: string, request: ClientRequest, expected: Expected, unwrap: (body: string) => string): Promise<unknown> {
    const response = await send(request)
    for (const header of host.adds ?? []) t.ok(header in response.headers, `${what}: ${header} of the host`)
    for (const header of host.lacks ?? []) t.notOk(header in response.headers, `${what}: no ${header} of the host`)
    return compare(t, what, response, expected, unwrap)
  }
}

/** The contract of one response. Each of `contractHeaders` that is not here must be absent. */
interface Expected {
  status: number
  headers: Record<string, string>
  body: unknown
}

const users: Expected = { status: 200, headers: { 'content-type': json }, body: { Resources: [] } }

/** An error of the admin routes; `details` is in all but the three documented ones. */
export function error (status: number, name: string, message: RegExp | StringConstructor, headers: Record<string, string> = {}): Expected {
  const body = { id: uuid, name, message }
  return {
    status,
    headers: { 'content-type': json, ...headers },
    body: [401, 403, 404].includes(status) ? body : { ...body, details: [status === 400 ? { path: String, message: String } : { message: String }] }
  }
}

/** An error of the SCIM routes. */
export function scimError (status: 401 | 503, challenge?: string): Expected {
  return {
    status,
    headers: { 'content-type': scim, ...(challenge === undefined ? { 'retry-after': '5' } : { 'www-authenticate': challenge }) },
    body: { schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: String(status), detail: String }
  }
}

/** Compares a response with the contract and returns its body. */
export function compare (t: Test, what: string, { status, headers, body }: ClientResponse, expected: Expected, unwrap: (body: string) => string = String): unknown {
  const received = body === '' ? '' : JSON.parse(unwrap(body))
  const present = Object.entries(headers).filter(([name]) => contractHeaders.includes(name))
  t.matchOnly({ status, headers: Object.fromEntries(present), body: received }, expected, what)
  return received
}

function bearer (token: string): OutgoingHttpHeaders {
  return { authorization: `Bearer ${token}` }
}
