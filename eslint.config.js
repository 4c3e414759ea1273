import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: neostandard.resolveIgnoresFromGitignore() }),
  rejectImports('lib/{contracts,token,thrown}.ts', ['./*']),
  rejectImports('lib/admin/*.ts', ['../index.ts', '../scim/*', '../stores/*']),
  rejectImports('lib/scim/*.ts', ['../index.ts', '../admin/*', '../stores/*']),
  rejectImports('lib/stores/*.ts', ['../*', '!../contracts.ts', '!../check-options.ts', '!../thrown.ts'])
]

/** Keeps the imports of lib/ in one direction. */
function rejectImports (files, group) {
  const message = 'See "Repository layout" in CONTRIBUTING.md.'
  return { files: [files], rules: { 'no-restricted-imports': ['error', { patterns: [{ group, message }] }] } }
}
