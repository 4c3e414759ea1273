import Enforcer from 'openapi-enforcer'
import t from 'tap'
import { adminToken, startExampleHost, viewerToken } from '../helpers/example-host.ts'

const settings = '/api/admin/scim-settings'
const generate = '/api/admin/scim-settings/generate-new-token'

interface Call {
  method: 'get' | 'post'
  path: string
  status: number
  token?: string
  body?: unknown
  contentType?: string
}

// In this order: there are no SCIM settings until they are enabled.
const calls: Call[] = [
  { method: 'post', path: generate, status: 404, token: adminToken },
  { method: 'post', path: settings, status: 200, token: adminToken, body: { enabled: true } },
  { method: 'post', path: generate, status: 200, token: adminToken },
  { method: 'get', path: settings, status: 200, token: viewerToken },
  { method: 'post', path: settings, status: 400, token: adminToken, body: { enabled: null } },
  { method: 'post', path: settings, status: 415, token: adminToken, body: { enabled: true }, contentType: 'text/plain' },
  { method: 'post', path: settings, status: 403, token: viewerToken, body: { enabled: true } },
  { method: 'post', path: generate, status: 403, token: viewerToken },
  { method: 'get', path: settings, status: 401 },
  { method: 'post', path: settings, status: 401, body: { enabled: true } },
  { method: 'post', path: generate, status: 401 }
]

t.test('each documented status of a running host -> matches its own OpenAPI document', async (t) => {
  const { url } = await startExampleHost(t, { SCIM_SETTINGS: 'none' })
  const document = JSON.parse(await (await fetch(`${url}/docs/json`)).text())
  const [openapi, invalid] = await Enforcer(document, {
    fullResult: true,
    // Report an undocumented content type as an error, not as a warning.
    componentOptions: { exceptionEscalateCodes: ['WOPE001'] }
  })
  t.equal(invalid, undefined, 'the document is valid')

  for (const { method, path, status, token, body, contentType = 'application/json' } of calls) {
    const headers = {
      ...(token !== undefined && { authorization: token }),
      ...(body !== undefined && { 'content-type': contentType })
    }
    const response = await fetch(url + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
    const text = await response.text()
    const responseBody = text === '' ? undefined : JSON.parse(text)

    const [, badRequest] = openapi.request({ method, path, headers, ...(body !== undefined && { body }) })
    const [{ operation }] = openapi.path(method, path)
    const [, badResponse] = operation.response(response.status, responseBody, Object.fromEntries(response.headers))
    t.same(
      [response.status, badRequest !== undefined, badResponse?.toString(), responseBody !== undefined],
      [status, status === 400 || status === 415, undefined, 'content' in document.paths[path][method].responses[status]],
      `${method} ${path} ${status}: the status, whether the document forbids the request, how the response violates it, whether there is a body`
    )
  }

  const documented = [settings, generate].flatMap((path) => Object.entries<{ responses: object }>(document.paths[path])
    .flatMap(([method, { responses }]) => Object.keys(responses).map((status) => `${method} ${path} ${status}`)))
  t.same(new Set(calls.map(({ method, path, status }) => `${method} ${path} ${status}`)), new Set(documented))
})
