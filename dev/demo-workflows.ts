// What the demo's workflows do and how they go wrong: the nodes of each, and for the nodes that
// fail, the errors that such a node really gives. Secrets in them are made up; Tocsin redacts them.

export type Node = { id: string; type: string; errors?: string[] };

export const workflows: Record<string, Node[]> = {
  "order-import": [
    {
      id: "fetch_orders",
      type: "http",
      errors: [
        "HTTP 502 Bad Gateway from https://api.shop.example/v2/orders?page=3",
        "HTTP 401 Unauthorized from https://api.shop.example/v2/orders?api_key=demo-0123456789abcdef",
      ],
    },
    {
      id: "map_order",
      type: "transform",
      errors: ["Cannot read properties of null (reading 'sku')"],
    },
    { id: "save_order", type: "http" },
  ],
  "crm-sync": [
    {
      id: "fetch_contacts",
      type: "http",
      errors: [
        "HTTP 429 Too Many Requests from https://crm.example/api/contacts (retry-after: 30)",
      ],
    },
    {
      id: "upsert_contact",
      type: "http",
      errors: [
        'HTTP 409 Conflict: {"error":"duplicate","field":"email","value":"jo@customer.example"}',
      ],
    },
  ],
  "nightly-report": [
    {
      id: "query_sales",
      type: "http",
      errors: ["connect ETIMEDOUT 10.4.0.17:5432 after 30000 ms"],
    },
    { id: "render_pdf", type: "transform" },
    {
      id: "upload",
      type: "http",
      errors: ["HTTP 507 Insufficient Storage from https://files.example"],
    },
  ],
  "invoice-mailer": [
    {
      id: "render_invoice",
      type: "transform",
      errors: ["Template variable `vat_rate` is not defined"],
    },
    {
      id: "send_mail",
      type: "http",
      errors: ["HTTP 550 mailbox unavailable: billing@customer.example"],
    },
  ],
  "payment-webhook": [
    { id: "verify_signature", type: "transform" },
    {
      id: "record_payment",
      type: "http",
      errors: ["HTTP 503 Service Unavailable from https://ledger.example/entries"],
    },
  ],
};
