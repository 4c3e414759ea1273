import t from 'tap'
import { startExampleHost } from '../helpers/example-host.ts'

t.test('the OpenAPI document -> describes login and the SCIM routes, and says which token to paste where', async (t) => {
  const { url } = await startExampleHost(t)
  const document: any = await (await fetch(`${url}/docs/json`)).json()

  const login = document.paths['/auth/simple/login'].post
  t.strictSame(login.security, [])
  t.strictSame(login.requestBody.content['application/json'].schema.required, ['username', 'password'])

  const scimPaths = Object.entries<Record<string, any>>(document.paths).filter(([path]) => path.startsWith('/scim/'))
  t.strictSame(scimPaths.map(([path, operations]) => `${path}: ${Object.keys(operations)}`).toSorted(), [
    '/scim/Groups/{id}: get,put,patch,delete',
    '/scim/Groups: get,post',
    '/scim/ResourceTypes/{id}: get',
    '/scim/ResourceTypes: get',
    '/scim/Schemas/{id}: get',
    '/scim/Schemas: get',
    '/scim/ServiceProviderConfig: get',
    '/scim/Users/{id}: get,put,patch,delete',
    '/scim/Users: get,post'
  ])
  for (const [path, operations] of scimPaths) {
    for (const [method, { summary, security }] of Object.entries(operations)) {
      t.match({ summary, security }, { summary: /^[A-Z]/, security: [{ scimToken: [] }] }, `${method} ${path}`)
    }
  }

  const { apiKey, bearerToken, scimToken } = document.components.securitySchemes
  for (const { description } of [apiKey, bearerToken]) t.match(description, 'ADMIN_TOKEN')
  t.match(scimToken.description, /SCIM token.*generate-new-token/)
})
