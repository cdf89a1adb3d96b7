r"""The table of names that are secret, or look so and are not.

A new API takes a line here and nothing else: the place, the names, where they come from and when
that was looked up. Names are compared without case and separators; ``*`` stands for any characters,
``~`` at the start for a name's last word (``~pass`` is ``db_pass`` and ``dbPass``, not ``bypass``).

Places: ``header``; ``field`` is one of JSON, a form, XML, a settings file, or a parameter of a URL;
``parameter`` is the last of these only; ``guarded`` and ``guarded-parameter`` are secret only where
the value looks like it; ``cookie`` is secret even where the value is a plain word; ``innocent`` is no
secret whatever it ends in; ``beside:WORD`` is a field that is secret in a body that has this word, too;
``holder:WORD`` is an object all of whose texts are secret in a body that has this word, too (``\s`` for a blank).
``innocent-beside:WORD`` is no secret in a body that has this word, ``uuid`` none where its value is
a UUID. ``kind`` is the type of a value that is secret, ``flag`` what is true of one; both stand in its object.
``scheme`` is one of an ``Authorization`` header, ``auth-parameter`` a parameter there that is no secret.
``claim`` is a claim of a JSON Web Token that is no secret. Of values: ``value`` is a word that is no secret under any name; ``sentence`` makes of words a
sentence; ``inside`` is the name a secret has in an object with a secret name.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["TABLE", "Line", "names_in"]


class Line(NamedTuple):
    """A line of the table.

    :param place: where the names are secret.
    :param names: the names.
    :param source: the documentation they were found in, and the month of that.
    """

    place: str
    names: tuple[str, ...]
    source: str


_LINES = r"""
header authorization *-authorization cookie set-cookie set-cookie2 | RFC 9110, RFC 6265, 2026-11
header authentication *-authentication | ManageEngine, Zoho, 2026-11
header token secret password apikey x-apikey api-key | many, 2026-11
header *api-key *apikey *api-token *access-key *secret-key *auth-key *app-key | Google, Binance, CoinMarketCap, Alpaca, 2026-11
header *-subscription-key *-client-secret *-secret *-password *-token *token *passphrase | Azure API Management, Coinbase, Django, Plex, 2026-11
header x-ms-authorization-auxiliary x-functions-key *master-key | Azure, 2026-11
header x-forwarded-access-token x-auth-key x-auth-email-key | oauth2-proxy, Cloudflare, 2026-11
header x-honeycomb-team x-rapidapi-key x-mashape-key fastly-key dd-application-key | the services of these names, 2026-11
header *application-key *-otp x-mfa-code *-signing-key *-private-key *license-key | OVH, GitHub, Backblaze, New Relic, 2026-11
header *-credential *-credentials ~pass ~pwd *-jwt ~jwt *-assertion | Google IAP, Cloudflare Access, 2026-11
header *consumer-key *integration-key *service-key *server-key *webhook-key *insert-key | OVH, PagerDuty, New Relic, 2026-11
header *session-key x-transmission-session-id *-auth | Transmission, Trello, 2026-11
header *-key *-sign *-signature *-crumb | ClickHouse, KuCoin, Bybit, Gemini, Jenkins, 2026-11
field *password *passwd *passphrase *passcode ~pwd ~pass ~passwords | RFC 6749 4.3, many, 2026-11
field *secret secretstring secretbinary *secret_value *secret_text *secret_data | AWS Secrets Manager, Infisical, Microsoft Graph, 2026-11
field *api_key *apikey *api_token *app_key *application_key *auth_key *authkey | many, Backblaze B2, Tailscale, 2026-11
field *secret_key *secret_key_base *private_key *private_key_data *client_key_data | Django, Rails, Google IAM, Kubernetes, 2026-11
field *signing_key *master_key *encryption_key *subscription_key *account_key *shared_key | Azure, 2026-11
field *primary_master_key *secondary_master_key *readonly_master_key *shared_access_key | Azure Cosmos DB, Event Hubs, 2026-11
field *secret_access_key *access_key_id *hmac_key *shared_secret *client_key *license_key | AWS, New Relic, 2026-11
field *write_key *service_key *session_key *server_key *integration_key *ingest_key *storage_key | Segment, PagerDuty, Pusher, 2026-11
field *access_token *refresh_token *auth_token *authentication_token *authenticity_token | RFC 6749 5.1, Rails, 2026-11
field *bearer_token *session_token *security_token *csrf_token *xsrf_token csrfmiddlewaretoken | AWS STS, Django, 2026-11
field *oauth_token *identity_token *user_token *bot_token *app_token *service_token *deploy_token | Slack, GitLab, 2026-11
field *private_token *personal_token *admin_token *webhook_token *verification_token *root_token | GitLab, Vault, 2026-11
field *github_token *gitlab_token *slack_token *sas_token *vault_token *jwt_token *reset_token | the services of these names, 2026-11
field *authorization_token *runners_token *runner_token *registration_token *master_token | AWS ECR, GitLab, Consul, 2026-11
field *api_access_token *plex_token *access_token_secret *initial_root_token *unseal_key *unseal_keys | Plex, Twitter, Vault, 2026-11
field *recovery_keys *root_token_id *bootstrap_token *join_token *invite_token *confirmation_token | Vault, Kubernetes, Docker, Devise, 2026-11
field id_token id_token_hint jwt ~jwt secret_token subject_token actor_token federated_token | OpenID Connect, RFC 8693, 2026-11
field code_verifier client_assertion saml_response saml_assertion ~assertion ~cookies | RFC 7636, RFC 7521, SAML 2.0, 2026-11
field otp totp ~otp mfa_code *mfa_code *otp_code *totp_code *sms_code *two_factor_code *2fa_code | Okta, Auth0, Twilio, 2026-11
field *recovery_code *recovery_codes *backup_code *backup_codes *scratch_codes otpauth_url *totp_seed | Auth0, GitHub, 2026-11
field *verification_code *confirmation_code *one_time_code *security_code *pin_code *passcodes ~pin | Twilio, Stripe, 2026-11
field *cvc *cvv *cvv2 *card_code card_number account_number_full ~cvn *card_pan | Stripe, Adyen, 2026-11
field authorization proxy_authorization cookie set_cookie *basic_auth *auth_header *authorization_header | RFC 9110, httpbin, 2026-11
field *password_hash *password_digest *secret_hash *consumer_key | many, Cognito, WooCommerce, 2026-11
field *mnemonic *seed_phrase *recovery_phrase *wallet_seed | BIP 39, 2026-11
field *webhook_secret *hook_secret *api_secret *app_secret *consumer_secret *token_secret *sharedsecret | many, 2026-11
guarded token *token auth assertion credential credentials *credential session *access_key | many, 2026-11
guarded *secret_id *device_code *user_code *plaintext *ciphertext_key *routing_key *keyfile | Vault, RFC 8628, PagerDuty, 2026-11
guarded key ~key *primary_key *secondary_key ~dsn ~pat | Azure, Cosmos DB, 2026-11
guarded *client_token *session_data *crumb | Braintree, Adyen, Jenkins, 2026-11
guarded ~sessid *cookie *ticket *magic_link *invite_code | PHP, Proxmox, CAS, 2026-11
guarded *access_code *auth_code *authorization_code *device_secret *challenge_response *proof_key | RFC 6749 4.1, 2026-11
parameter sig signature *_signature x-amz-credential x-goog-credential | Azure SAS, AWS and Google signatures, 2026-11
parameter aws_access_key_id google_access_id hapikey phpsessid jsessionid | AWS, HubSpot, PHP, Java, 2026-11
parameter zak | Zoom, 2026-11
parameter oauth_consumer_key oauth_verifier oauth_token | RFC 5849, 2026-11
guarded-parameter key code appid sid session_id ticket | Google, OpenWeather, CAS, 2026-11
cookie *sess* *token* *auth* *jwt* *csrf* *xsrf* *secret* *login* *passw* *credential* | many, 2026-11
cookie *remember* *api_key* *sid sid* *user* *key | many, 2026-11
scheme basic bearer digest dpop fernet negotiate ntlm oauth bot gwt hawk hoba mac | IANA, Discord, 2026-11
scheme sharedkeylite splunk ssws vapid sentry snowflake | Azure, Splunk, Okta, RFC 8292, Sentry, 2026-11
auth-parameter realm uri algorithm qop nc opaque nonce userhash charset signedheaders headers ts | RFC 7616, AWS, RFC 9421, 2026-11
auth-parameter oauth_signature_method oauth_timestamp oauth_version oauth_nonce oauth_callback | RFC 5849, 2026-11
auth-parameter sentry_version sentry_client sentry_timestamp | Sentry, 2026-11
innocent *content_signature x-amz-client-token x-atlassian-token | Mozilla Autograph, AWS, Jira, 2026-11
innocent *next_token *page_token *continuation_token *sync_token *cursor_token *paging_token | AWS, Google, Azure, 2026-11
innocent *pagination_token *delta_token *skip_token *resume_token *scroll_token *prev_token | Microsoft Graph, X, 2026-11
innocent *previous_token ~start_token ~change_token *continue_token *iterator_token *marker_token | AWS, Kubernetes, 2026-11
innocent ~list_token ~position_token *watch_token *consistency_token *version_token *history_token | Google, Authzed, 2026-11
innocent *client_request_token *idempotency_token ~lock_token | AWS, WebDAV, 2026-11
uuid *client_token | AWS EC2, 2026-11
innocent *public_key *publishable_key *publickey *idempotency_key *cache_key *partition_key *sort_key | Stripe, DynamoDB, 2026-11
innocent *object_key *s3_key ~range_key ~hash_key ~group_key ~issue_key ~project_key *foreign_key | S3, DynamoDB, Jira, 2026-11
innocent *websocket_key ~site_key *last_evaluated_key ~next_key ~start_key *surrogate_key | RFC 6455, reCAPTCHA, Fastly, 2026-11
innocent *unk_token *eos_token *bos_token *pad_token *sep_token *cls_token *mask_token *stop_token | Hugging Face, 2026-11
innocent *special_token *added_token ~output_token ~input_token *prompt_token *completion_token | OpenAI, Hugging Face, 2026-11
innocent ~min_token ~max_token ~per_token ~price_token ~base_token ~quote_token ~native_token | OpenRouter, DEX APIs, 2026-11
innocent ~content_key ~entity_key ~type_key ~registry_key ~translation_key ~message_key | many, 2026-11
beside:kty d p q dp dq qi k | RFC 7518 6, 2026-11
beside:accessor client_token | Vault, 2026-11
beside:authorization_code code | RFC 6749 4.1.3, 2026-11
beside:"cvc" number | Stripe, Adyen, 2026-11
beside:"cvv" number | Braintree, 2026-11
beside:cvc] number | Stripe, 2026-11
beside:random_password result bcrypt_hash | Terraform, 2026-11
beside:loginResponse session_id | Salesforce, 2026-11
beside:SessionHeader session_id | Salesforce, 2026-11
beside:"api_key" encoded | Elasticsearch, 2026-11
beside:"api_keys" key | Datadog, 2026-11
beside:"application_keys" key | Datadog, 2026-11
beside:root_token keys keys_base64 | Vault, 2026-11
beside:admin_api_key value | OpenAI, 2026-11
beside:"pcsk_ value | Pinecone, 2026-11
beside:?u= p | InfluxDB, Subsonic, 2026-11
beside:&u= p | InfluxDB, Subsonic, 2026-11
innocent-beside:"key_id" key | GitHub Actions, 2026-11
kind securestring concealed secret secret_text secure_string encrypted sensitive password | AWS SSM, 1Password, Keycloak, Vercel, 2026-11
flag sensitive secret is_secret is_sensitive masked secured is_encrypted is_password | Terraform, Azure DevOps, GitLab, Bitbucket, 2026-11
claim alg typ cty kid enc zip x5t jku crit ver iss sub aud azp exp nbf iat auth_time | RFC 7515 to 7519, 2026-11
claim scope scp client_id appid tid oid roles groups permissions acr amr nonce at_hash | OpenID Connect, Entra, Auth0, 2026-11
claim preferred_username upn email email_verified name token_use token_type idp hd | OpenID Connect, Cognito, Google, 2026-11
holder:lease_duration data | Vault, 2026-11
holder:"Secret" data string_data | Kubernetes, 2026-11
holder:kind:\sSecret data string_data | Kubernetes, 2026-11
holder:secureJsonData secure_json_data | Grafana, 2026-11
holder:/secrets/ payload | Google Secret Manager, 2026-11
value true false none null nil undefined yes no on off unset missing unknown n/a | RFC 6749, RFC 7517, OpenAPI, many, 2026-11
value tbd pending approved denied granted revoked expired active inactive enabled disabled valid invalid rejected | RFC 6749, RFC 7517, OpenAPI, many, 2026-11
value accepted completed failed error required optional never always hidden visible string number boolean integer | RFC 6749, RFC 7517, OpenAPI, many, 2026-11
value object array any str int bool bytes text uuid bearer basic digest oauth oauth2 | RFC 6749, RFC 7517, OpenAPI, many, 2026-11
value jwt hmac apikey api_key saml ldap oidc sso mtls header query cookie body public | RFC 6749, RFC 7517, OpenAPI, many, 2026-11
value private internal external local global manual automatic auto fetch authorized unauthorized authenticated unauthenticated anonymous | RFC 6749, RFC 7517, OpenAPI, many, 2026-11
value verified unverified plain plaintext encrypted redacted filtered masked sha256 sha512 md5 bcrypt scrypt argon2 | RFC 6749, RFC 7517, OpenAPI, many, 2026-11
value argon2id rsa ecdsa ed25519 aes aes256 eip712 erc20 spl-token sms email read write authorization_pending | RFC 6749, RFC 7517, OpenAPI, many, 2026-11
value slow_down access_denied client_secret_basic client_secret_post client_secret_jwt private_key_jwt api-key password-less passwordless | RFC 6749, RFC 7517, OpenAPI, many, 2026-11
sentence a an and any are as at be been but by can can't cannot | Rails, Django and Laravel validations, 2026-11
sentence confirm did do does doesn't don't enter expired field for forgot forgotten from has | Rails, Django and Laravel validations, 2026-11
sentence have if in incorrect invalid is it length match matches minimum must my new | Rails, Django and Laravel validations, 2026-11
sentence no not of old on one only or our password please required reset secret | Rails, Django and Laravel validations, 2026-11
sentence set should should've the this to token too using was were with wrong you | Rails, Django and Laravel validations, 2026-11
sentence your key missing required. characters | Rails, Django and Laravel validations, 2026-11
inside value val raw computed data secret plaintext plain current previous text content key token | OpenAI Realtime, Doppler, Azure, 2026-11
inside secure string base64 password new old live test primary secondary hash | OpenAI Realtime, Doppler, Azure, 2026-11
"""

TABLE = tuple(
    Line(place, tuple(names.split()), source.strip())
    for place, names, source in (
        (*line.partition("|")[0].strip().split(" ", 1), line.partition("|")[2])
        for line in _LINES.strip().splitlines()
    )
)


def names_in(place: str) -> tuple[str, ...]:
    """The names of a place, in the order of the table."""
    return tuple(name for line in TABLE if line.place == place for name in line.names)
