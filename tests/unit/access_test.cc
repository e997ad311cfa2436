#include "runtime/access/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "runtime/access/bearer_token.h"
#include "runtime/access/permissions.h"
#include "runtime/base/status.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;

constexpr char kGetIntent[] = "/onetake.v1.LedgerService/GetIntent";

std::string ReasonOf(const absl::Status& status) {
  return GetDetail(status).value_or(ErrorDetail{.reason = "(none)"}).reason;
}

class AccessTest : public ::testing::Test {
 protected:
  AccessTest() { Give({Role::kAudit}); }

  void Give(RoleSet roles) {
    record_.roles = roles;
    access_->SetTokens({record_});
  }
  static std::string Header(const BearerToken& token) {
    return "Bearer " + std::string(token.ToText().Reveal());
  }
  absl::StatusOr<Principal> Admit(std::vector<std::string> authorization) const {
    return access_->Admit({.authorization = std::move(authorization)}, kGetIntent);
  }

  testing::SimScheduler clock_;
  const BearerToken token_ = *NewBearerToken();
  TokenRecord record_{.id = token_.id,
                      .digest = SecretDigest(token_.secret),
                      .name = "night-audit",
                      .tenant = "north",
                      .created_at = clock_.Now() - absl::Hours(1),
                      .expires_at = clock_.Now() + absl::Hours(1)};
  std::unique_ptr<Access> access_ = std::make_unique<Access>(AccessRules{}, clock_);
};

TEST_F(AccessTest, ATokenSaysWhoseDataAndWhichRole) {
  const auto caller = Admit({Header(token_)});
  ASSERT_THAT(caller, IsOk());
  EXPECT_EQ(caller->tenant, "north");
  EXPECT_EQ(caller->name, "token:night-audit:" + token_.id);
  EXPECT_EQ(caller->roles, RoleSet{Role::kAudit});
  EXPECT_EQ(caller->tools, nullptr);
}

TEST_F(AccessTest, TheSchemeIsFoundInAnyCase) {
  const std::string text(token_.ToText().Reveal());
  EXPECT_THAT(Admit({"bearer " + text}), IsOk());
  EXPECT_THAT(Admit({"BEARER " + text}), IsOk());
  EXPECT_THAT(Admit({"Basic " + text}), Not(IsOk()));
}

TEST_F(AccessTest, WithoutACredentialNobodyIsLetIn) {
  const auto caller = Admit({});
  EXPECT_EQ(caller.status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(ReasonOf(caller.status()), "CREDENTIALS_MISSING");
}

TEST_F(AccessTest, WhatIsWrongWithATokenIsNotTold) {
  const BearerToken other = *NewBearerToken();
  const std::string text(token_.ToText().Reveal());
  std::string last_digit = text;
  last_digit.back() = last_digit.back() == '0' ? '1' : '0';
  const std::string wrong_secret = "otk_" + token_.id + "_" + std::string(other.secret.Reveal());
  for (const std::string& wrong :
       {std::string(other.ToText().Reveal()), wrong_secret, last_digit, text + "0",
        text.substr(0, text.size() - 1), std::string("otk_"), std::string(), std::string("otk__"),
        std::string(5000, 'f'), "otk_" + token_.id + "_" + std::string(64, '0')}) {
    const auto caller = Admit({"Bearer " + wrong});
    EXPECT_EQ(caller.status().code(), absl::StatusCode::kUnauthenticated) << wrong;
    EXPECT_EQ(ReasonOf(caller.status()), "CREDENTIALS_INVALID") << wrong;
    EXPECT_EQ(caller.status().message(), Admit({"x"}).status().message());
  }
  EXPECT_EQ(ReasonOf(Admit({Header(token_), Header(token_)}).status()), "CREDENTIALS_INVALID");
}

TEST_F(AccessTest, EveryChangedByteOfATokenIsRefused) {
  const std::string text = Header(token_);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THAT(Admit({changed}), Not(IsOk())) << i;
  }
}

TEST_F(AccessTest, OnlyWhoHasTheSecretIsToldThatItsTimeIsOver) {
  record_.expires_at = clock_.Now();
  access_->SetTokens({record_});
  EXPECT_EQ(ReasonOf(Admit({Header(token_)}).status()), "CREDENTIALS_EXPIRED");
  record_.expires_at = clock_.Now() + absl::Seconds(1);
  record_.revoked_at = clock_.Now();
  access_->SetTokens({record_});
  EXPECT_EQ(ReasonOf(Admit({Header(token_)}).status()), "CREDENTIALS_REVOKED");
  const std::string guess = "Bearer otk_" + token_.id + "_" + std::string(64, 'a');
  EXPECT_EQ(ReasonOf(Admit({guess}).status()), "CREDENTIALS_INVALID");
}

// Nobody should send it again as it is, but for who only has to connect again.
TEST_F(AccessTest, WhoIsNotLetInIsNotToldToTryAgain) {
  const auto resend = [](const absl::Status& status) {
    EXPECT_THAT(status, Not(IsOk()));
    return GetDetail(status)->safe_to_resend;
  };
  const auto caller = Admit({Header(token_)});
  ASSERT_THAT(caller, IsOk());
  EXPECT_FALSE(resend(Admit({}).status()));
  EXPECT_FALSE(resend(Admit({"x"}).status()));
  EXPECT_FALSE(resend(CheckRole(Principal{}, Role::kExecute)));
  Give({Role::kAudit, Role::kUnseal});
  EXPECT_TRUE(resend(access_->StillHolds(*caller)));
  record_.revoked_at = clock_.Now();
  access_->SetTokens({record_});
  EXPECT_FALSE(resend(Admit({Header(token_)}).status()));
  EXPECT_FALSE(resend(access_->StillHolds(*caller)));
}

TEST_F(AccessTest, AStreamLearnsThatItsCredentialEnded) {
  const auto caller = Admit({Header(token_)});
  ASSERT_THAT(caller, IsOk());
  EXPECT_THAT(access_->StillHolds(*caller), IsOk());
  Give({Role::kAudit, Role::kUnseal});
  EXPECT_EQ(ReasonOf(access_->StillHolds(*caller)), "CREDENTIALS_CHANGED");
  Give({Role::kAudit});
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(ReasonOf(access_->StillHolds(*caller)), "CREDENTIALS_EXPIRED");
  access_->SetTokens({});
  EXPECT_EQ(ReasonOf(access_->StillHolds(*caller)), "CREDENTIALS_INVALID");
}

TEST_F(AccessTest, AClockThatIsSetBackRevivesNoToken) {
  const auto caller = Admit({Header(token_)});
  ASSERT_THAT(caller, IsOk());
  clock_.Jump(-absl::Hours(1000));
  EXPECT_THAT(Admit({Header(token_)}), IsOk());
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(ReasonOf(Admit({Header(token_)}).status()), "CREDENTIALS_EXPIRED");
  EXPECT_EQ(ReasonOf(access_->StillHolds(*caller)), "CREDENTIALS_EXPIRED");
  access_->SetTokens({record_});  // its file was read again
  EXPECT_EQ(ReasonOf(Admit({Header(token_)}).status()), "CREDENTIALS_EXPIRED");
}

TEST_F(AccessTest, AClockThatIsSetForwardEndsAToken) {
  clock_.Jump(absl::Hours(1));
  EXPECT_EQ(ReasonOf(Admit({Header(token_)}).status()), "CREDENTIALS_EXPIRED");
}

TEST_F(AccessTest, ATokenThatWasGivenAnotherEndLivesUntilThat) {
  record_.expires_at += absl::Hours(1);
  access_->SetTokens({record_});
  clock_.Advance(absl::Hours(2) - absl::Seconds(1));
  EXPECT_THAT(Admit({Header(token_)}), IsOk());
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(ReasonOf(Admit({Header(token_)}).status()), "CREDENTIALS_EXPIRED");
}

TEST_F(AccessTest, ARoleAllowsItsMethodsAndNoOther) {
  for (const Role role : {Role::kExecute, Role::kAudit, Role::kUnseal, Role::kOperate}) {
    Give({role});
    for (const Permission& permission : Permissions()) {
      const std::string method =
          "/" + std::string(permission.service) + "/" + std::string(permission.method);
      const auto caller = access_->Admit({.authorization = {Header(token_)}}, method);
      EXPECT_EQ(caller.ok(), role == permission.role) << method << " " << ToString(role);
      if (!caller.ok()) {
        EXPECT_EQ(ReasonOf(caller.status()), "ROLE_MISSING");
      }
    }
  }
}

TEST_F(AccessTest, WhoeverLacksARoleIsToldWhichTokenHasIt) {
  const std::pair<Role, const char*> roles[] = {{Role::kExecute, "--roles execute`"},
                                                {Role::kAudit, "--roles audit`"},
                                                {Role::kUnseal, "--roles audit,unseal`"},
                                                {Role::kOperate, "--roles operate`"}};
  for (const auto& [role, flag] : roles) {
    EXPECT_THAT(CheckRole(Principal{}, role),
                StatusIs(absl::StatusCode::kPermissionDenied,
                         HasSubstr(absl::StrCat("onetake token create NAME ", flag))));
  }
}

TEST_F(AccessTest, AMethodThatNobodyListedIsNobodys) {
  Give(RoleSet::All());
  for (const char* method : {"/onetake.v1.LedgerService/Drop", "/onetake.v1.LedgerService/", "",
                             "onetake.v1.LedgerService/GetIntent", "/GetIntent"}) {
    const auto caller = access_->Admit({.authorization = {Header(token_)}}, method);
    EXPECT_EQ(ReasonOf(caller.status()), "METHOD_DENIED") << method;
  }
}

TEST_F(AccessTest, ACertificateIsWhoItsRuleSays) {
  access_ = std::make_unique<Access>(
      AccessRules{
          .certificates = {{.name = "agent.example", .tenant = "acme", .roles = {Role::kAudit}}}},
      clock_);
  const auto admit = [&](std::vector<std::string> names) {
    return access_->Admit({.certificate_names = std::move(names)}, kGetIntent);
  };
  const auto caller = admit({"other.example", "agent.example"});
  ASSERT_THAT(caller, IsOk());
  EXPECT_EQ(caller->tenant, "acme");
  EXPECT_EQ(caller->name, "certificate:agent.example");
  EXPECT_EQ(ReasonOf(admit({"agent.example.org"}).status()), "CREDENTIALS_MISSING");
  EXPECT_EQ(ReasonOf(admit({""}).status()), "CREDENTIALS_MISSING");
}

TEST_F(AccessTest, AStreamLearnsThatItsCertificateIsNobodysAnyMore) {
  AccessRules rules{
      .certificates = {{.name = "agent.example", .tenant = "acme", .roles = {Role::kAudit}}}};
  access_->SetRules(rules);
  const auto caller = access_->Admit({.certificate_names = {"agent.example"}}, kGetIntent);
  ASSERT_THAT(caller, IsOk());
  EXPECT_THAT(access_->StillHolds(*caller), IsOk());
  rules.tenants["acme"] =
      std::make_shared<const std::set<std::string>>(std::set<std::string>{"book"});
  access_->SetRules(rules);
  EXPECT_EQ(ReasonOf(access_->StillHolds(*caller)), "CREDENTIALS_CHANGED");
  access_->SetRules({});
  EXPECT_EQ(ReasonOf(access_->StillHolds(*caller)), "CREDENTIALS_MISSING");
}

TEST_F(AccessTest, ABadTokenIsNotMadeGoodByACertificate) {
  access_ = std::make_unique<Access>(
      AccessRules{
          .certificates = {{.name = "agent.example", .tenant = "acme", .roles = {Role::kAudit}}}},
      clock_);
  const auto caller = access_->Admit(
      {.authorization = {"Bearer x"}, .certificate_names = {"agent.example"}}, kGetIntent);
  EXPECT_EQ(ReasonOf(caller.status()), "CREDENTIALS_INVALID");
}

TEST_F(AccessTest, OfListedTenantsAnUnlistedOneIsDenied) {
  const auto tools = std::make_shared<const std::set<std::string>>(std::set<std::string>{"book"});
  access_ = std::make_unique<Access>(AccessRules{.tenants = {{"north", tools}}}, clock_);
  Give({Role::kAudit});
  const auto caller = Admit({Header(token_)});
  ASSERT_THAT(caller, IsOk());
  EXPECT_EQ(caller->tools, tools);
  record_.tenant = "south";
  Give({Role::kAudit});
  EXPECT_EQ(ReasonOf(Admit({Header(token_)}).status()), "TENANT_UNKNOWN");
}

TEST_F(AccessTest, OpenLetsEverybodyInAsOneTenant) {
  access_ = std::make_unique<Access>(
      AccessRules{.mode = AccessRules::Mode::kOpen, .open_tenant = "demo"}, clock_);
  const auto caller = Admit({"Bearer whatever"});
  ASSERT_THAT(caller, IsOk());
  EXPECT_EQ(caller->tenant, "demo");
  EXPECT_EQ(caller->name, "anonymous");
  EXPECT_EQ(caller->roles, RoleSet::All());
}

TEST(RoleSetTest, IsReadAndWritten) {
  EXPECT_EQ(ParseRoles(" audit ,execute")->ToText(), "execute,audit");
  EXPECT_EQ(RoleSet::All().ToText(), "execute,audit,unseal,operate");
  for (const char* wrong : {"", "admin", "audit,", "audit;execute", "Audit"}) {
    EXPECT_EQ(ParseRoles(wrong).status().code(), absl::StatusCode::kInvalidArgument) << wrong;
  }
}

}  // namespace
}  // namespace onetake
