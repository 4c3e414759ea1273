export const resolver = {
  authenticate: ({ headers }) => headers.authorization === 'admin' ? { name: 'admin' } : null,
  authorize: (user, permissions) => permissions.includes('ADMIN')
}

/** Generates a token over a socket and prints the response. */
export async function generate (app) {
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const response = await fetch(`${address}/api/admin/scim-settings/generate-new-token`, {
    method: 'POST',
    headers: { authorization: 'admin' }
  })
  console.log(response.status, await response.text())
  await app.close()
}
